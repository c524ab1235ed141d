//! Likes.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::auth::CurrentUser;
use shared::http::idempotency::Answer;
use shared::http::{Listed, Page, Path, Query, read_ids};
use utoipa::ToSchema;

use super::{Author, Message};
use crate::db::queries::{likes, posts};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;
use crate::writes::{Deed, Write};

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct LikeList {
    likes: Vec<Author>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Likes a post; liking it again changes nothing.
#[utoipa::path(
    post, path = "/posts/{id}/likes", tag = "likes", security(("bearer" = [])), params(("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn like_post(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    s.shown.find(id).await?;
    Ok(s.writes.write(Write { post: id, deed: Deed::Like(user.id), request: None }).await?)
}

/// Takes a like back, also while nobody sees the post.
#[utoipa::path(
    delete, path = "/posts/{id}/likes", tag = "likes", security(("bearer" = [])), params(("id" = PostId, Path)),
    responses((status = 200, body = Message))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, post.id = %id))]
pub(crate) async fn unlike_post(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
) -> Result<Answer, Error> {
    match s.shown.find(id).await {
        // What nobody sees is not there for who has nothing on it.
        Err(Error::PostNotFound) if likes::liked(s.db.read(), user.id, &[id]).await?.is_empty() => {
            return Err(Error::PostNotFound);
        }
        Ok(_) | Err(Error::PostNotFound) => {}
        Err(error) => return Err(error),
    }
    Ok(s.writes.write(Write { post: id, deed: Deed::Unlike(user.id), request: None }).await?)
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
    page: Page,
) -> Result<Listed<LikeList>, Error> {
    posts::require(s.db.read(), id).await?;
    let mut rows = likes::likers(s.db.read(), id, &page).await?;
    let next = page.cut(&mut rows, |(user, _)| user.0);
    let likes = rows.into_iter().map(|(id, username)| Author { id, username }).collect();
    Ok(page.answer(LikeList { likes, next: next.clone() }, next.as_deref()))
}

/// Which posts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LikedFilter {
    /// Up to 100 ids, separated by commas.
    #[param(example = "1,2,3")]
    post_id: String,
}

/// Those of the posts that I like.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liked {
    post_ids: Vec<PostId>,
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
    Ok(Json(Liked { post_ids: likes::liked(s.db.read(), user.id, &ids).await? }))
}
