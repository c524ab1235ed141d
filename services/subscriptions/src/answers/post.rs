//! A post of the feed, in the form in which all services send posts.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::people::Author;
use shared::pictures::Picture;
use shared::text::mentions::{Entity, find_entities};
use utoipa::ToSchema;

use crate::db::entities::{counts, posts, users};
use crate::domain::ids::PostId;

/// A post.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostOut {
    id: PostId,
    title: String,
    content: String,
    /// Path of the first picture on this host, if there is one.
    image_url: Option<String>,
    /// The pictures, at most four.
    images: Vec<Picture>,
    /// The mentions and hashtags in the content.
    entities: Vec<Entity>,
    author: Author,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl PostOut {
    /// Builds the response body of a post. Returns `None` for a tombstone, which has no title, text or times, and for
    /// an author without a username.
    pub(crate) fn of(post: &posts::Model, author: &users::Model, counts: &counts::Model) -> Option<Self> {
        Some(Self {
            id: post.id,
            title: post.title.clone()?,
            content: post.content.clone()?,
            entities: post.content.as_deref().map(find_entities).unwrap_or_default(),
            image_url: post.image_url.clone(),
            images: post.images.clone().unwrap_or_default().0,
            author: Author::new(author.id, author.username.clone()?),
            like_count: counts.like_count,
            comment_count: counts.comment_count,
            view_count: counts.view_count,
            created_at: post.created_at?,
            updated_at: post.updated_at?,
        })
    }
}

/// The counters of a post.
#[derive(Serialize)]
pub(crate) struct CountsOut {
    post_id: PostId,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
}

impl CountsOut {
    /// Builds the body of an event with the counters of a post.
    pub(crate) fn of(counts: &counts::Model) -> Self {
        let counts::Model { id, like_count, comment_count, view_count, .. } = *counts;
        Self { post_id: id, like_count, comment_count, view_count }
    }
}
