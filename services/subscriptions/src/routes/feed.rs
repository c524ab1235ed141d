//! The feed.

use axum::extract::State;
use serde::Serialize;
use shared::auth::CurrentUser;
use shared::cache::Json;
use shared::clock::Timestamp;
use shared::http::{Listed, Page};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::{counts, posts, users};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::memory::FeedPage;
use crate::state::AppState;

/// Who wrote something.
#[derive(Serialize, ToSchema)]
pub(crate) struct Author {
    /// The person.
    id: UserId,
    /// The name the person goes by.
    username: String,
}

/// A post.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostOut {
    id: PostId,
    title: String,
    content: String,
    /// Path of the picture on this host, if there is one.
    image_url: Option<String>,
    author: Author,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl PostOut {
    /// A post that is shown; tombstones have no fields.
    pub(crate) fn of(post: &posts::Model, author: &users::Model, counts: &counts::Model) -> Option<Self> {
        Some(Self {
            id: post.id,
            title: post.title.clone()?,
            content: post.content.clone()?,
            image_url: post.image_url.clone(),
            author: Author { id: author.id, username: author.username.clone()? },
            like_count: counts.like_count,
            comment_count: counts.comment_count,
            view_count: counts.view_count,
            created_at: post.created_at?,
            updated_at: post.updated_at?,
        })
    }
}

/// A page of the feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Feed {
    #[schema(example = "Your feed")]
    message: &'static str,
    #[schema(value_type = Vec<PostOut>)]
    posts: Vec<Json>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Reads one's feed: posts of the followed, newest first, never one's own.
#[utoipa::path(
    get, path = "/feed", tag = "subscriptions", security(("bearer" = [])),
    params(Page),
    responses((status = 200, body = Feed))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn get_feed(State(s): State<AppState>, user: CurrentUser, page: Page) -> Result<Listed<Feed>, Error> {
    let Some(FeedPage { posts, next }) = s.feed.page(&s.db, user.id, &page).await? else {
        return Ok(page.answer(Feed { message: "No subscriptions yet", posts: Vec::new(), next: None }, None));
    };
    Ok(page.answer(Feed { message: "Your feed", posts, next: next.clone() }, next.as_deref()))
}
