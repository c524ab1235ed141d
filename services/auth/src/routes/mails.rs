//! Mails that need a person, for admins.

use axum::extract::State;
use serde::Serialize;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::error::{ApiError, Problem};
use shared::http::{Listed, Page};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::queries::mail_jobs;
use crate::domain::mails;
use crate::state::{AppState, Me};

/// A mail that was not delivered; neither its text nor an address.
#[derive(Serialize, ToSchema)]
pub(crate) struct ParkedMailOut {
    id: i64,
    /// The person it was for.
    user_id: UserId,
    /// The occasion.
    #[schema(example = "verification")]
    kind: String,
    /// How often it was tried.
    attempts: i64,
    /// The mail server's last answer, without addresses.
    #[schema(example = "permanent error (550): no such person")]
    reason: String,
    created_at: Timestamp,
}

/// A page of mails that were not delivered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ParkedMailsOut {
    mails: Vec<ParkedMailOut>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Lists the mails that were given up, newest first. `chatty mail` sends them again or drops them.
#[utoipa::path(get, path = "/auth/mails/parked", tag = "auth", security(("bearer" = [])), params(
    Page,
), responses(
    (status = 200, description = "Mails, newest first", body = ParkedMailsOut),
    (status = 400, description = "A bad value in the query", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn list_parked_mails(
    State(state): State<AppState>,
    me: Me,
    page: Page,
) -> Result<Listed<ParkedMailsOut>, ApiError> {
    if me.0.role() != Role::Admin {
        return Err(ApiError::forbidden("Administrators only"));
    }
    let mut found = mail_jobs::page_parked(state.db.read(), page.after, page.fetch()).await?;
    let next = page.cut(&mut found, |mail| mail.id);
    let shown = found.into_iter().map(|mail| ParkedMailOut {
        id: mail.id,
        user_id: UserId(mail.user_id),
        kind: mail.kind,
        attempts: mail.attempts,
        reason: mails::without_addresses(mail.last_error.as_deref().unwrap_or_default()),
        created_at: mail.created_at,
    });
    Ok(page.answer(ParkedMailsOut { mails: shown.collect(), next: next.clone() }, next.as_deref()))
}
