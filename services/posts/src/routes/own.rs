//! The routes of one's own lists: what a person has written, liked and bookmarked. What is removed, or hidden because
//! its author is blocked, is among it as long as the person can delete it.

use std::collections::HashMap;

use axum::extract::State;
use shared::auth::CurrentUser;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path};
use shared::ids::UserId;

use crate::actions;
use crate::answers::comment::{OwnCommentList, OwnCommentOut};
use crate::answers::like::{OwnLike, OwnLikeList};
use crate::answers::message::Message;
use crate::answers::post::{OwnPostList, OwnPostOut, PostList, PostOut};
use crate::db::entities::likes::Model as Like;
use crate::db::queries::{bookmarks, own, posts};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;

/// Lists my posts, newest first, also those that an admin has removed.
#[utoipa::path(
    get, path = "/posts/mine", tag = "posts", security(("bearer" = [])), params(Page),
    responses((status = 200, body = OwnPostList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_own_posts(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<OwnPostList>, Error> {
    let mut rows = own::list_posts(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.post.id.0);
    let posts = rows.into_iter().filter_map(|row| OwnPostOut::of(row, &user.username)).collect();
    Ok(page.answer(OwnPostList { posts, next: next.clone() }, next.as_deref()))
}

/// Lists my comments, newest first, also those that an admin has removed and those on hidden posts.
#[utoipa::path(
    get, path = "/comments/mine", tag = "comments", security(("bearer" = [])), params(Page),
    responses((status = 200, body = OwnCommentList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_own_comments(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<OwnCommentList>, Error> {
    let mut rows = own::list_comments(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.id.0);
    let comments = rows.into_iter().map(|row| OwnCommentOut::of(row, user.username.clone())).collect();
    Ok(page.answer(OwnCommentList { comments, next: next.clone() }, next.as_deref()))
}

/// Lists my likes, newest post first, also those of hidden posts.
#[utoipa::path(
    get, path = "/likes/mine", tag = "likes", security(("bearer" = [])), params(Page),
    responses((status = 200, body = OwnLikeList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_own_likes(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<OwnLikeList>, Error> {
    let mut rows = own::list_likes(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.post_id.0);
    let mut shown = find_posts(&s, user.id, rows.iter().map(|row| row.post_id)).await?;
    let like =
        |row: &Like| OwnLike { post_id: row.post_id, created_at: row.created_at, post: shown.remove(&row.post_id) };
    let likes = rows.iter().map(like).collect();
    Ok(page.answer(OwnLikeList { likes, next: next.clone() }, next.as_deref()))
}

/// Reads the posts among these that a person sees, by their ids.
async fn find_posts(
    s: &AppState,
    person: UserId,
    ids: impl Iterator<Item = PostId>,
) -> Result<HashMap<PostId, PostOut>, Error> {
    let mut rows = posts::find_all(s.db.read(), ids).await?;
    rows.retain(|row| !s.auth.personal_blocks.part(person, row.post.author_id));
    Ok(rows.into_iter().filter_map(|row| Some((row.post.id, PostOut::from_row(row)?))).collect())
}

/// Bookmarks a post for myself. Nobody else sees it.
#[utoipa::path(
    put, path = "/posts/{id}/bookmark", tag = "posts", security(("bearer" = [])), params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn bookmark_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    s.find_author_for(user.id, id).await?;
    actions::bookmark(&s.db, key, user.id, id).await
}

/// Removes a bookmark of mine, also while nobody sees the post.
#[utoipa::path(
    delete, path = "/posts/{id}/bookmark", tag = "posts", security(("bearer" = [])), params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn unbookmark_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    actions::unbookmark(&s.db, key, user.id, id).await
}

/// Lists my bookmarks, the newest first. Posts that nobody sees are left out, and come back with the post.
#[utoipa::path(
    get, path = "/bookmarks", tag = "posts", security(("bearer" = [])), params(Page<(i64, i64)>),
    responses((status = 200, body = PostList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_bookmarks(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page<(i64, i64)>,
) -> Result<Listed<PostList>, Error> {
    let mut rows = bookmarks::list(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| (row.created_at.unix_micros(), row.post_id.0));
    let mut shown = find_posts(&s, user.id, rows.iter().map(|row| row.post_id)).await?;
    let posts = rows.iter().filter_map(|row| shown.remove(&row.post_id)).collect();
    Ok(page.answer(PostList { posts, next: next.clone() }, next.as_deref()))
}
