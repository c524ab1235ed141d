//! The queue of applicants, for admins. This service itself has the routes, because no other service has the rows (ADR
//! 30).

use axum::Json;
use axum::extract::State;
use shared::error::Problem;
use shared::http::{Listed, Page, Path};
use shared::ids::UserId;

use super::me_extract::AdminMe;
use crate::actions;
use crate::answers::{ApplicantOut, ApplicantsOut, MessageOut};
use crate::db::queries::users;
use crate::domain::audit_event::AuditEvent;
use crate::error::Error;
use crate::state::AppState;

/// Lists the people who have confirmed an address and wait for a decision, in the order of their registrations.
#[utoipa::path(get, path = "/auth/applicants", tag = "auth", security(("bearer" = [])), params(
    Page,
), responses(
    (status = 200, description = "Applicants", body = ApplicantsOut),
    (status = 400, description = "A bad value in the query", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn list_applicants(
    State(s): State<AppState>,
    admin: AdminMe,
    page: Page,
) -> Result<Listed<ApplicantsOut>, Error> {
    actions::note_admin_read(&s.db, AuditEvent::ApplicantsRead, admin.id, None).await?;
    let now = s.db.clock().now();
    let mut found = users::page_applicants(s.db.read(), now, page.after, page.fetch()).await?;
    let next = page.cut(&mut found, |user| user.id);
    let out = ApplicantsOut { applicants: found.into_iter().map(ApplicantOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}

/// Makes an applicant a member, and tells them by mail.
#[utoipa::path(post, path = "/auth/applicants/{id}/approve", tag = "auth", security(("bearer" = [])), params(("id" = i64, Path, description = "The applicant")), responses(
    (status = 200, description = "The person can log in", body = MessageOut),
    (status = 400, description = "The id is no integer", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "Nobody with this id waits", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = id.0))]
pub(crate) async fn approve_applicant(
    State(s): State<AppState>,
    admin: AdminMe,
    Path(id): Path<UserId>,
) -> Result<Json<MessageOut>, Error> {
    actions::approve_applicant(&s.db, &s.mails, admin.id, id).await?;
    Ok(Json(MessageOut::new("Applicant approved")))
}

/// Refuses an applicant, whose account is erased, and tells them by mail.
#[utoipa::path(post, path = "/auth/applicants/{id}/refuse", tag = "auth", security(("bearer" = [])), params(("id" = i64, Path, description = "The applicant")), responses(
    (status = 200, description = "The account is erased", body = MessageOut),
    (status = 400, description = "The id is no integer", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "Nobody with this id waits", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = id.0))]
pub(crate) async fn refuse_applicant(
    State(s): State<AppState>,
    admin: AdminMe,
    Path(id): Path<UserId>,
) -> Result<Json<MessageOut>, Error> {
    actions::refuse_applicant(&s.db, &s.mails, admin.id, id).await?;
    Ok(Json(MessageOut::new("Applicant refused")))
}
