//! The parked mails, for admins. This service itself has the route, because no other service has a copy of the mails
//! (ADR 18).

use axum::extract::State;
use shared::error::Problem;
use shared::http::{Listed, Page};

use super::me_extract::AdminMe;
use crate::actions;
use crate::answers::{ParkedMailOut, ParkedMailsOut};
use crate::db::queries::mail_jobs;
use crate::domain::audit_event::AuditEvent;
use crate::error::Error;
use crate::state::AppState;

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
    State(s): State<AppState>,
    admin: AdminMe,
    page: Page,
) -> Result<Listed<ParkedMailsOut>, Error> {
    actions::note_admin_read(&s.db, AuditEvent::ParkedMailsRead, admin.id, None).await?;
    let mut found = mail_jobs::page_parked(s.db.read(), page.after, page.fetch()).await?;
    let next = page.cut(&mut found, |mail| mail.id);
    let out = ParkedMailsOut { mails: found.into_iter().map(ParkedMailOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}
