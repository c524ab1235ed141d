//! The feed.

use axum::extract::State;
use serde::Serialize;
use shared::auth::CurrentUser;
use shared::clock::Timestamp;
use shared::http::{Listed, Page};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::queries::feed::{self, Shown};
use crate::db::queries::subscriptions;
use crate::domain::ids::PostId;
use crate::error::Error;
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
    fn of(shown: Shown) -> Option<Self> {
        let Shown { post, author, counts } = shown;
        Some(Self {
            id: post.id,
            title: post.title?,
            content: post.content?,
            image_url: post.image_url,
            author: Author { id: author.id, username: author.username? },
            like_count: counts.as_ref().map_or(0, |counts| counts.like_count),
            comment_count: counts.as_ref().map_or(0, |counts| counts.comment_count),
            view_count: counts.as_ref().map_or(0, |counts| counts.view_count),
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
    posts: Vec<PostOut>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Reads one's feed: posts of the followed, newest first, never one's own.
#[utoipa::path(
    get, path = "/feed", tag = "subscriptions", security(("bearer" = [])),
    params(("limit" = Option<u64>, Query, description = "1 to 100, 20 unless given"), ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, body = Feed))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn get_feed(State(s): State<AppState>, user: CurrentUser, page: Page) -> Result<Listed<Feed>, Error> {
    if !subscriptions::follows_anybody(s.db.read(), user.id).await? {
        return Ok(page.answer(Feed { message: "No subscriptions yet", posts: Vec::new(), next: None }, None));
    }
    let mut rows = feed::page(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.post.id.0);
    let posts = rows.into_iter().filter_map(PostOut::of).collect();
    Ok(page.answer(Feed { message: "Your feed", posts, next: next.clone() }, next.as_deref()))
}
