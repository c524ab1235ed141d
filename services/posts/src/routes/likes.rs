//! The routes of likes.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth::{CurrentUser, Viewer};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, Query, read_ids};
use shared::people::Author;

use crate::actions::shared_writes::{Write, WriteKind};
use crate::answers::like::{LikeList, Liked};
use crate::answers::message::Message;
use crate::db::queries::likes;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;

/// Likes a post; liking it again changes nothing.
#[utoipa::path(
    post, path = "/posts/{id}/likes", tag = "likes", security(("bearer" = [])), params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn like_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    let kind = WriteKind::Like { user: user.id, post_author: s.find_author_for(user.id, id).await? };
    let request = key.request(Some(user.id), &[]);
    Ok(s.writes.write(Write { post: id, kind, request }).await?)
}

/// Takes a like back, also while nobody sees the post.
#[utoipa::path(
    delete, path = "/posts/{id}/likes", tag = "likes", security(("bearer" = [])), params(IdempotencyKey, ("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn unlike_post(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    let request = key.request(Some(user.id), &[]);
    match s.shown.find(id).await {
        // A like on a post that is not visible can still be taken back. To everybody else the post does not exist.
        Err(Error::PostNotFound)
            if request.is_none() && likes::liked_posts(s.db.read(), user.id, &[id]).await?.is_empty() =>
        {
            return Err(Error::PostNotFound);
        }
        Ok(_) | Err(Error::PostNotFound) => {}
        Err(error) => return Err(error),
    }
    Ok(s.writes.write(Write { post: id, kind: WriteKind::Unlike(user.id), request }).await?)
}

/// Lists who likes a post, newest account first.
///
/// `like_count` of the post is the length of the whole list, so without people who are blocked. It follows within a moment.
#[utoipa::path(
    get, path = "/posts/{id}/likes", tag = "likes",
    params(("id" = PostId, Path), Page),
    responses((status = 200, body = LikeList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(post.id = %id))]
pub(crate) async fn list_likes(
    State(s): State<AppState>,
    Path(id): Path<PostId>,
    viewer: Viewer,
    page: Page,
) -> Result<Listed<LikeList>, Error> {
    s.find_post_for(&viewer, id).await?;
    let mut rows = likes::list_people(s.db.read(), id, &page).await?;
    let next = page.cut(&mut rows, |(user, _)| user.0);
    viewer.retain_seen(&mut rows, |(user, _)| *user).await;
    let likes = rows.into_iter().map(|(id, username)| Author::new(id, username)).collect();
    Ok(page.answer(LikeList { likes, next: next.clone() }, next.as_deref()))
}

/// The posts that a person asks about.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LikedFilter {
    /// Up to 100 ids, separated by commas.
    #[param(pattern = "^-?[0-9]{1,16}(,-?[0-9]{1,16}){0,99}$", example = "1,2,3")]
    post_id: String,
}

/// Tells which of these posts I like, hidden ones too.
#[utoipa::path(
    get, path = "/likes", tag = "likes", security(("bearer" = [])), params(LikedFilter),
    responses((status = 200, body = Liked))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_liked(
    State(s): State<AppState>,
    user: CurrentUser,
    Query(filter): Query<LikedFilter>,
) -> Result<Json<Liked>, Error> {
    let ids = read_ids("post_id", &filter.post_id, PostId)?;
    Ok(Json(Liked { post_ids: likes::liked_posts(s.db.read(), user.id, &ids).await? }))
}
