//! A person's own invitations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::{InvitationOut, InvitationsOut, NewInvitationOut};
use crate::db::queries::invitations;
use crate::domain::InvitationId;
use crate::error::Error;
use crate::state::AppState;

/// The highest number of invitations in a list.
const LISTED: u64 = 1_000;

/// A new invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationIn {
    /// By which one recognises it in the list; the guest does not see it.
    #[serde(default)]
    #[schema(example = "for my sister", max_length = 64)]
    note: String,
}

impl Validate for InvitationIn {
    fn validate(&self, errors: &mut FieldErrors) {
        text::check_line(errors, "note", &self.note, 0, 64);
    }
}

/// Makes an invitation, whose code is told once. It can be used for two weeks.
#[utoipa::path(post, path = "/auth/invitations", tag = "users", security(("bearer" = [])), request_body = InvitationIn, responses(
    (status = 201, description = "Made", body = NewInvitationOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There are no more for this person", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn invite(
    State(s): State<AppState>,
    me: Me,
    ValidJson(new): ValidJson<InvitationIn>,
) -> Result<impl IntoResponse, Error> {
    let role = s.signer.role_of(&me.user);
    let (invitation, code) = actions::invite(&s.db, &s.joining, &me.user, role, new.note).await?;
    Ok((StatusCode::CREATED, NOT_STORED, Json(NewInvitationOut::new(invitation, &code))))
}

/// Lists one's own invitations, newest first.
#[utoipa::path(get, path = "/auth/invitations", tag = "users", security(("bearer" = [])), responses(
    (status = 200, description = "The invitations", body = InvitationsOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn list_invitations(State(s): State<AppState>, me: Me) -> Result<Json<InvitationsOut>, Error> {
    let own = invitations::list_of(s.db.read(), me.user.user_id(), LISTED).await?;
    Ok(Json(InvitationsOut { invitations: own.into_iter().map(InvitationOut::from).collect() }))
}

/// Withdraws an invitation that nobody uses.
#[utoipa::path(delete, path = "/auth/invitations/{id}", tag = "users", security(("bearer" = [])), params(("id" = InvitationId, Path, description = "The invitation")), responses(
    (status = 204, description = "Withdrawn"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such invitation of one's own, or somebody uses it", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn withdraw_invitation(
    State(s): State<AppState>,
    me: Me,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, Error> {
    actions::withdraw_invitation(&s.db, &me.user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
