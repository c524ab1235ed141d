//! The routes of comments.

use axum::extract::State;
use serde::Deserialize;
use shared::auth::{CurrentUser, Viewer};
use shared::error::FieldErrors;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, ValidJson, Validate};
use shared::ids::UserId;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::actions;
use crate::actions::shared_writes::{CommentWrite, Write, WriteKind};
use crate::answers::comment::{CommentList, CommentOut, CommentSaved};
use crate::answers::message::Message;
use crate::db::entities::comments::Model;
use crate::db::queries::comments;
use crate::domain::ids::{CommentId, PostId};
use crate::domain::threads::ReplyError;
use crate::error::Error;
use crate::state::AppState;

/// A new comment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentIn {
    #[schema(value_type = String, min_length = 1, max_length = 2000, example = "I would love to")]
    content: Lines,
    /// The comment on the same post that this one answers. A thread is at most 8 comments deep.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991i64)]
    reply_to: Option<CommentId>,
}

/// A new content of a comment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentPatch {
    #[schema(value_type = String, min_length = 1, max_length = 2000, example = "I would love to come")]
    content: Lines,
}

fn check_content(errors: &mut FieldErrors, content: &Lines) {
    text::check_lines(errors, "content", content, 1, 2_000);
}

impl Validate for CommentIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_content(errors, &self.content);
    }
}

impl Validate for CommentPatch {
    fn validate(&self, errors: &mut FieldErrors) {
        check_content(errors, &self.content);
    }
}

/// Comments on a post, or answers a comment on it.
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
    let post_author = s.find_author_for(user.id, id).await?;
    if let Some(parent) = sent.reply_to {
        require_seen(&s, user.id, parent).await?;
    }
    let parent = sent.reply_to.map(|parent| parent.0.to_be_bytes());
    let mut sent_bytes = vec![sent.content.as_str().as_bytes()];
    sent_bytes.extend(parent.as_ref().map(<[u8; 8]>::as_slice));
    let request = key.request(Some(user.id), &sent_bytes);
    let comment = CommentWrite { user, post_author, content: sent.content.into(), reply_to: sent.reply_to };
    let answer = s.writes.write(Write { post: id, kind: WriteKind::Comment(comment), request }).await?;
    Ok(answer.with_location(&format!("/posts/{id}/comments"), "/comment/id"))
}

/// Checks that no block is between a person and the author of the comment that the person answers.
async fn require_seen(s: &AppState, person: UserId, parent: CommentId) -> Result<(), Error> {
    // Most people block nobody and are blocked by nobody, and need no statement.
    if s.auth.personal_blocks.involve(person) {
        let found = comments::find_shown(s.db.read(), [parent]).await?;
        if found.get(&parent).is_some_and(|parent| s.auth.personal_blocks.part(person, parent.author_id)) {
            return Err(Error::Reply(ReplyError::NotFound));
        }
    }
    Ok(())
}

/// Lists a post's comments, oldest first, with the answers among them.
///
/// A comment that was answered keeps its place when it is gone, without content and author. `comment_count` of the post
/// counts the others: without what is deleted or removed, and without people who are blocked. It follows within a moment.
#[utoipa::path(
    get, path = "/posts/{id}/comments", tag = "comments",
    params(("id" = PostId, Path), Page),
    responses((status = 200, body = CommentList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn list_comments(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    viewer: Viewer,
    page: Page,
) -> Result<Listed<CommentList>, Error> {
    s.find_post_for(&viewer, id).await?;
    let mut rows = comments::list(s.db.read(), id, &page).await?;
    let next = page.cut(&mut rows, |(row, _)| row.id.0);
    // The place stays, since the comment may have been answered.
    let hidden = viewer.find_hidden(rows.iter().map(|(row, _)| row.author_id)).await;
    let seen = |row: &Model, username: Option<String>| username.filter(|_| !hidden.contains(&row.author_id));
    let comments = rows.into_iter().map(|(row, username)| {
        let username = seen(&row, username);
        CommentOut::of(row, username)
    });
    let comments = comments.collect();
    Ok(page.answer(CommentList { comments, next: next.clone() }, next.as_deref()))
}

/// Changes one's own comment.
#[utoipa::path(
    patch, path = "/posts/{id}/comments/{cid}", tag = "comments", security(("bearer" = [])), request_body = CommentPatch,
    params(IdempotencyKey, ("id" = PostId, Path), ("cid" = CommentId, Path)),
    responses((status = 200, body = CommentSaved))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id, comment.id = %cid))]
pub(crate) async fn update_comment(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path((id, cid)): Path<(PostId, CommentId)>,
    ValidJson(sent): ValidJson<CommentPatch>,
) -> Result<Answer, Error> {
    actions::update_comment(&s.db, key, (id, cid), &user, sent.content.into()).await
}

/// Deletes one's own comment for good, also while nobody sees it or its post.
#[utoipa::path(
    delete, path = "/posts/{id}/comments/{cid}", tag = "comments", security(("bearer" = [])),
    params(IdempotencyKey, ("id" = PostId, Path), ("cid" = CommentId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id, comment.id = %cid))]
pub(crate) async fn delete_comment(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path((id, cid)): Path<(PostId, CommentId)>,
) -> Result<Answer, Error> {
    actions::delete_comment(&s.db, key, (id, cid), user.id).await
}
