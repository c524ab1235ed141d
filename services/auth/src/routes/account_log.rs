//! The log of accounts: a person's own, and for admins the log of all.

use axum::extract::State;
use serde::Deserialize;
use shared::error::Problem;
use shared::http::{Listed, Page, Query};
use shared::ids::{NOBODY, UserId};
use utoipa::IntoParams;

use super::me_extract::{AdminMe, Me};
use crate::actions;
use crate::answers::{EntryOut, LogOut, OwnEntryOut, OwnLogOut};
use crate::db::queries::account_log;
use crate::domain::audit_event::AuditEvent;
use crate::error::Error;
use crate::state::AppState;

/// Lists what has happened to one's own account: sign-ins and failed ones, passwords, addresses, factors, sessions.
#[utoipa::path(get, path = "/auth/me/log", tag = "users", security(("bearer" = [])), params(
    Page,
), responses(
    (status = 200, description = "Entries, newest first", body = OwnLogOut),
    (status = 400, description = "A bad value in the query", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked, or a token of somebody else's client", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn list_own_log(State(s): State<AppState>, me: Me, page: Page) -> Result<Listed<OwnLogOut>, Error> {
    let own = Some(me.user.user_id());
    let mut found = account_log::page(s.db.read(), own, page.after, page.fetch()).await?;
    let next = page.cut(&mut found, |entry| entry.id);
    let out = OwnLogOut { entries: found.into_iter().map(OwnEntryOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}

/// The query of the log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only what has happened to this person.
    #[param(inline, required = false, value_type = shared::openapi::IdInQuery)]
    user_id: Option<UserId>,
}

/// Lists what has happened to accounts, and what administrators have done and read. That it was read is written too.
#[utoipa::path(get, path = "/auth/log", tag = "auth", security(("bearer" = [])), params(LogQuery,
    Page,
), responses(
    (status = 200, description = "Entries, newest first", body = LogOut),
    (status = 400, description = "A bad value in the query", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn list_log(
    State(s): State<AppState>,
    admin: AdminMe,
    page: Page,
    Query(asked): Query<LogQuery>,
) -> Result<Listed<LogOut>, Error> {
    let about = asked.user_id.filter(|id| id.0 != NOBODY);
    actions::note_admin_read(&s.db, AuditEvent::LogRead, admin.id, about).await?;
    let mut found = account_log::page(s.db.read(), asked.user_id, page.after, page.fetch()).await?;
    let next = page.cut(&mut found, |entry| entry.id);
    let out = LogOut { entries: found.into_iter().map(EntryOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}
