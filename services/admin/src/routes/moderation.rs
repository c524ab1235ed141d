//! The routes of decisions about people, posts and comments.

use axum::extract::State;
use axum::http::HeaderName;
use serde::Deserialize;
use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::error::FieldErrors;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, OptionalJson, Path, Query, Validate};
use shared::ids::UserId;
use shared::request_id;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use super::conditions::{Condition, Conditions};
use crate::actions;
use crate::answers::Decided;
use crate::domain::decision::Decision;
use crate::domain::ids::{CommentId, PostId};
use crate::domain::target::{Action, Kind};
use crate::error::Error;
use crate::state::AppState;

/// An answer with its entity tag.
pub(super) type Tagged<T> = ([(HeaderName, String); 1], T);

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonIn {
    /// For the audit log.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
}

impl ReasonIn {
    /// Returns the reason.
    pub(super) fn into_text(self) -> Option<String> {
        self.reason.map(String::from)
    }
}

impl Validate for ReasonIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_reason(errors, self.reason.as_ref());
    }
}

fn check_reason(errors: &mut FieldErrors, reason: Option<&Lines>) {
    if let Some(reason) = reason {
        text::check_lines(errors, "reason", reason, 0, 500);
    }
}

/// Why, and for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockIn {
    /// For the audit log.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
    /// The time at which the block ends by itself; without it the block has no end.
    until: Option<Timestamp>,
}

impl Validate for BlockIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_reason(errors, self.reason.as_ref());
    }
}

/// The reason of a removal, for clients that send no body with DELETE.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReasonQuery {
    /// For the audit log, where the body has none.
    #[param(required = false, value_type = String, max_length = 500)]
    reason: Option<String>,
}

/// The optional body of a decision.
type Reason = OptionalJson<ReasonIn>;

/// Blocks a person: sessions end, and everything of the person is hidden.
///
/// A person who is blocked already gets the new end. A block ends by itself at its time, whatever has happened meanwhile.
#[utoipa::path(
    post, path = "/admin/users/{id}/block", tag = "admin", security(("bearer" = [])),
    request_body = Option<BlockIn>, params(IdempotencyKey, ("id" = UserId, Path), Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn block_user(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
    condition: Condition,
    OptionalJson(sent): OptionalJson<BlockIn>,
) -> Result<Answer, Error> {
    let (reason, until) = sent.map_or((None, None), |sent| (sent.reason, sent.until));
    let decision = Decision { until, ..decision(Action::Block, Kind::User, id.0, reason) };
    decide(&s, (&admin, key), decision, condition).await
}

/// Lets a person back in; everything is shown again exactly as it was.
#[utoipa::path(
    post, path = "/admin/users/{id}/unblock", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(IdempotencyKey, ("id" = UserId, Path), Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn unblock_user(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
    condition: Condition,
    OptionalJson(body): Reason,
) -> Result<Answer, Error> {
    let reason = body.and_then(|sent| sent.reason);
    decide(&s, (&admin, key), decision(Action::Unblock, Kind::User, id.0, reason), condition).await
}

/// Hides a post from everybody. Its owner keeps the content.
#[utoipa::path(
    delete, path = "/admin/posts/{id}", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(IdempotencyKey, ("id" = PostId, Path), ReasonQuery, Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn remove_post(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
    Query(query): Query<ReasonQuery>,
    condition: Condition,
    OptionalJson(body): Reason,
) -> Result<Answer, Error> {
    let reason = reason_of(body, query)?;
    decide(&s, (&admin, key), decision(Action::Remove, Kind::Post, id.0, reason), condition).await
}

/// Shows a hidden post again.
#[utoipa::path(
    post, path = "/admin/posts/{id}/restore", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(IdempotencyKey, ("id" = PostId, Path), Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn restore_post(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
    condition: Condition,
    OptionalJson(body): Reason,
) -> Result<Answer, Error> {
    let reason = body.and_then(|sent| sent.reason);
    decide(&s, (&admin, key), decision(Action::Restore, Kind::Post, id.0, reason), condition).await
}

/// Hides a comment from everybody. Its owner keeps the content.
#[utoipa::path(
    delete, path = "/admin/comments/{id}", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(IdempotencyKey, ("id" = CommentId, Path), ReasonQuery, Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn remove_comment(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<CommentId>,
    Query(query): Query<ReasonQuery>,
    condition: Condition,
    OptionalJson(body): Reason,
) -> Result<Answer, Error> {
    let reason = reason_of(body, query)?;
    decide(&s, (&admin, key), decision(Action::Remove, Kind::Comment, id.0, reason), condition).await
}

/// Shows a hidden comment again.
#[utoipa::path(
    post, path = "/admin/comments/{id}/restore", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>, params(IdempotencyKey, ("id" = CommentId, Path), Conditions),
    responses((status = 200, body = Decided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, target.id = %id))]
pub(crate) async fn restore_comment(
    State(s): State<AppState>,
    admin: AdminUser,
    key: IdempotencyKey,
    Path(id): Path<CommentId>,
    condition: Condition,
    OptionalJson(body): Reason,
) -> Result<Answer, Error> {
    let reason = body.and_then(|sent| sent.reason);
    decide(&s, (&admin, key), decision(Action::Restore, Kind::Comment, id.0, reason), condition).await
}

/// Returns the reason of a removal: that of the body, or else that of the query.
fn reason_of(body: Option<ReasonIn>, query: ReasonQuery) -> Result<Option<Lines>, Error> {
    let in_query = query.reason.map(Lines::from);
    let mut errors = FieldErrors::default();
    check_reason(&mut errors, in_query.as_ref());
    errors.into_result()?;
    Ok(body.and_then(|sent| sent.reason).or(in_query))
}

/// Builds a decision without an end.
fn decision(action: Action, kind: Kind, target_id: i64, reason: Option<Lines>) -> Decision {
    let request_id = request_id::current().unwrap_or_default();
    Decision { kind, target_id, action, reason: reason.map(String::from), until: None, request_id }
}

/// Makes a decision, and builds the response that confirms it.
async fn decide(
    s: &AppState,
    (admin, key): (&AdminUser, IdempotencyKey),
    decision: Decision,
    Condition(condition): Condition,
) -> Result<Answer, Error> {
    actions::decide(&s.db, admin, key, &decision, condition.as_deref()).await
}
