//! Decisions about people, posts and comments.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::auth::AdminUser;
use shared::error::FieldErrors;
use shared::http::{OptionalJson, Path, Validate};
use shared::ids::UserId;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::db::queries::users::Standing;
use crate::db::queries::{audit, decisions, users};
use crate::domain::ids::{CommentId, PostId};
use crate::domain::target::{Action, Kind};
use crate::error::Error;
use crate::reports;
use crate::state::AppState;

/// A decision that was made. It is durable; the owner applies it a moment later.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decided {
    /// What was decided.
    #[schema(example = "User 7 blocked")]
    message: String,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonIn {
    /// For the audit log.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
}

impl Validate for ReasonIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(reason) = &self.reason {
            text::check_lines(errors, "reason", reason, 0, 500);
        }
    }
}

/// The reason of a decision: its body may be missing.
type Reason = OptionalJson<ReasonIn>;

/// Blocks a person: sessions end, and everything of the person is hidden.
#[utoipa::path(
    post, path = "/admin/users/{id}/block", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = UserId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn block_user(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<UserId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    if id == admin.0.id {
        return Err(Error::Oneself);
    }
    decide(&s, &admin, Action::Block, Kind::User, id.0, reason).await
}

/// Lets a person back in; everything is shown again exactly as it was.
#[utoipa::path(
    post, path = "/admin/users/{id}/unblock", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = UserId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn unblock_user(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<UserId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    decide(&s, &admin, Action::Unblock, Kind::User, id.0, reason).await
}

/// Hides a post from everybody. Its owner keeps the content.
#[utoipa::path(
    delete, path = "/admin/posts/{id}", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = PostId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn remove_post(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<PostId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    decide(&s, &admin, Action::Remove, Kind::Post, id.0, reason).await
}

/// Shows a hidden post again.
#[utoipa::path(
    post, path = "/admin/posts/{id}/restore", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = PostId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn restore_post(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<PostId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    decide(&s, &admin, Action::Restore, Kind::Post, id.0, reason).await
}

/// Hides a comment from everybody. Its owner keeps the content.
#[utoipa::path(
    delete, path = "/admin/comments/{id}", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = CommentId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn remove_comment(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CommentId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    decide(&s, &admin, Action::Remove, Kind::Comment, id.0, reason).await
}

/// Shows a hidden comment again.
#[utoipa::path(
    post, path = "/admin/comments/{id}/restore", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(("id" = CommentId, Path)),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn restore_comment(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CommentId>,
    reason: Reason,
) -> Result<Json<Decided>, Error> {
    decide(&s, &admin, Action::Restore, Kind::Comment, id.0, reason).await
}

/// Stores a decision with its entry in the log, and reports it.
async fn decide(
    s: &AppState,
    admin: &AdminUser,
    action: Action,
    kind: Kind,
    id: i64,
    OptionalJson(reason): Reason,
) -> Result<Json<Decided>, Error> {
    let reason = reason.and_then(|sent| sent.reason).map(String::from);
    let mut tx = s.db.begin().await?;
    let standing = users::standing(&*tx, kind, id).await?;
    let last = decisions::last(&*tx, kind, id).await?;
    let hidden = last.as_ref().is_some_and(|decision| decision.hidden);
    let exists = match (action, standing) {
        (_, None) => false,
        // What its author has deleted is final, before a decision or after it.
        (_, Some(Standing { gone: true, .. })) => false,
        (Action::Restore, Some(_)) => hidden,
        // Deleted without a decision of ours: its owner did it.
        (Action::Block | Action::Unblock | Action::Remove, Some(Standing { deleted, .. })) => !deleted || hidden,
    };
    if !exists {
        audit::log(&tx, &admin.0, action, kind, id, reason, "not_found").await?;
        tx.commit().await?;
        reports::missed(admin, &format!("{} {} {id}: not found", action.as_str(), kind.as_str()));
        return Err(Error::NotFound(kind));
    }
    decisions::decide(&mut tx, kind, id, action.hides(), reason.clone(), admin.0.id).await?;
    audit::log(&tx, &admin.0, action, kind, id, reason, "done").await?;
    tx.commit().await?;
    reports::done(admin, &format!("{} {} {id}", action.as_str(), kind.as_str()));
    Ok(Json(Decided { message: format!("{} {id} {}", kind.title(), action.done()) }))
}
