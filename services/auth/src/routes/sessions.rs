//! Sessions: refresh and logout by a refresh token, and the list of a person's own sessions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, RemoteClient, ValidJson, Validate};
use shared::ids::SessionId;
use utoipa::ToSchema;

use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::{PairOut, SessionOut, SessionsOut};
use crate::db::queries::{clients, sessions};
use crate::error::Error;
use crate::state::AppState;

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshIn {
    #[schema(min_length = 1, max_length = 128)]
    refresh_token: String,
}

impl Validate for RefreshIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if self.refresh_token.is_empty() || self.refresh_token.len() > 128 {
            errors.add("refresh_token", "must have 1 to 128 characters");
        }
    }
}

/// Exchanges a refresh token for a new pair. Sent again within ten seconds, it gives the same refresh token; later it ends its
/// session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshIn, responses(
    (status = 200, description = "The next pair", body = PairOut),
    (status = 401, description = "Unknown, expired, used or revoked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn refresh_session(
    State(s): State<AppState>,
    client: RemoteClient,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<impl IntoResponse, Error> {
    let pair = actions::rotate_session(&s.db, &s.signer, &client, &presented.refresh_token).await?;
    Ok((NOT_STORED, Json(PairOut::from(pair))))
}

/// Ends the session of a refresh token.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = RefreshIn, responses(
    (status = 204, description = "Ended, or there was none"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn log_out(
    State(s): State<AppState>,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<StatusCode, Error> {
    actions::end_session(&s.db, &presented.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's own sessions, newest first: where one is logged in.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", security(("bearer" = [])), responses(
    (status = 200, description = "The sessions that have not ended", body = SessionsOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn list_sessions(State(s): State<AppState>, me: Me) -> Result<Json<SessionsOut>, Error> {
    let found = sessions::list_alive(s.db.read(), me.user.id, s.db.clock().now()).await?;
    let ids = found.iter().filter_map(|session| session.client_id.clone()).collect();
    let names =
        clients::find_many(s.db.read(), ids).await?.into_iter().map(|client| (client.id, client.name)).collect();
    let sessions = found.into_iter().map(|session| SessionOut::of(session, me.session_id, &names)).collect();
    Ok(Json(SessionsOut { sessions }))
}

/// Ends one of one's own sessions. All services refuse its access tokens within a moment.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", security(("bearer" = [])), params(("id" = SessionId, Path, description = "The session")), responses(
    (status = 204, description = "Ended"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such session of one's own", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id, session.id = id.0))]
pub(crate) async fn end_session(
    State(s): State<AppState>,
    me: Me,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Error> {
    actions::end_own_session(&s.db, me.user.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of one's own sessions but the one of this request.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth", security(("bearer" = [])), responses(
    (status = 204, description = "Ended, or there were no others"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn end_other_sessions(State(s): State<AppState>, me: Me) -> Result<StatusCode, Error> {
    actions::end_other_sessions(&s.db, me.user.user_id(), me.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
