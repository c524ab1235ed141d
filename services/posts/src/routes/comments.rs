//! The routes of comments.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth::CurrentUser;
use shared::error::FieldErrors;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, ValidJson, Validate};
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::actions;
use crate::actions::shared_writes::{Write, WriteKind};
use crate::answers::comment::{CommentList, CommentOut, CommentSaved};
use crate::answers::message::Message;
use crate::db::queries::{comments, posts};
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;
use crate::state::AppState;

/// What somebody has to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentIn {
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    content: Lines,
}

impl Validate for CommentIn {
    fn validate(&self, errors: &mut FieldErrors) {
        text::check_lines(errors, "content", &self.content, 1, 2_000);
    }
}

/// Comments on a post.
#[utoipa::path(
    post, path = "/posts/{id}/comments", tag = "comments", security(("bearer" = [])), request_body = CommentIn,
    params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 201, body = CommentSaved, headers(("Location" = String, description = "Its path"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn create_comment(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
    key: IdempotencyKey,
    ValidJson(sent): ValidJson<CommentIn>,
) -> Result<Answer, Error> {
    s.shown.find(id).await?;
    let request = key.request(Some(user.id), &[sent.content.as_str().as_bytes()]);
    let kind = WriteKind::Comment(user, sent.content.into());
    let answer = s.writes.write(Write { post: id, kind, request }).await?;
    Ok(answer.with_location(&format!("/posts/{id}/comments"), "/comment/id"))
}

/// Lists a post's comments, oldest first.
///
/// `comment_count` of the post is the length of the whole list: without what is deleted or removed, and without people who
/// are blocked. It follows within a moment.
#[utoipa::path(
    get, path = "/posts/{id}/comments", tag = "comments",
    params(("id" = PostId, Path), Page),
    responses((status = 200, body = CommentList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn list_comments(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    page: Page,
) -> Result<Listed<CommentList>, Error> {
    posts::require_shown(s.db.read(), id).await?;
    let mut rows = comments::list(s.db.read(), id, &page).await?;
    let next = page.cut(&mut rows, |(row, _)| row.id.0);
    let comments = rows.into_iter().map(|(row, username)| CommentOut::of(row, username)).collect();
    Ok(page.answer(CommentList { comments, next: next.clone() }, next.as_deref()))
}

/// Changes one's own comment.
#[utoipa::path(
    patch, path = "/posts/{id}/comments/{cid}", tag = "comments", security(("bearer" = [])), request_body = CommentIn,
    params(("id" = PostId, Path), ("cid" = CommentId, Path)),
    responses((status = 200, body = CommentSaved))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id, comment.id = %cid))]
pub(crate) async fn update_comment(
    State(s): State<AppState>,
    user: CurrentUser,
    Path((id, cid)): Path<(PostId, CommentId)>,
    ValidJson(sent): ValidJson<CommentIn>,
) -> Result<Json<CommentSaved>, Error> {
    let row = actions::update_comment(&s.db, id, cid, user.id, sent.content.into()).await?;
    let comment = CommentOut::of(row, user.username);
    Ok(Json(CommentSaved { message: "Comment updated", comment }))
}

/// Deletes one's own comment for good, also while nobody sees it or its post.
#[utoipa::path(
    delete, path = "/posts/{id}/comments/{cid}", tag = "comments", security(("bearer" = [])),
    params(("id" = PostId, Path), ("cid" = CommentId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id, comment.id = %cid))]
pub(crate) async fn delete_comment(
    State(s): State<AppState>,
    user: CurrentUser,
    Path((id, cid)): Path<(PostId, CommentId)>,
) -> Result<Json<Message>, Error> {
    actions::delete_comment(&s.db, id, cid, user.id).await?;
    Ok(Json(Message { message: "Comment deleted" }))
}
