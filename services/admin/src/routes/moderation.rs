//! The routes of decisions about people, posts and comments.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth::AdminUser;
use shared::error::FieldErrors;
use shared::http::{OptionalJson, Path, Validate};
use shared::ids::UserId;
use shared::request_id;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::actions;
use crate::answers::Decided;
use crate::domain::decision::Decision;
use crate::domain::ids::{CommentId, PostId};
use crate::domain::target::{Action, Kind};
use crate::error::Error;
use crate::state::AppState;

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

/// The optional body of a decision.
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

/// Makes a decision, and builds the response that confirms it.
async fn decide(
    s: &AppState,
    admin: &AdminUser,
    action: Action,
    kind: Kind,
    target_id: i64,
    OptionalJson(sent): Reason,
) -> Result<Json<Decided>, Error> {
    let reason = sent.and_then(|sent| sent.reason).map(String::from);
    let request_id = request_id::current().unwrap_or_default();
    let decision = Decision { kind, target_id, action, reason, request_id };
    actions::decide(&s.db, admin, &decision).await?;
    Ok(Json(Decided::of(&decision)))
}
