//! A post, in the form in which all services send posts.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::people::Author;
use shared::pictures::Picture;
use shared::text::mentions::{Entity, find_entities};
use utoipa::ToSchema;

use crate::db::entities::counts;
use crate::db::queries::posts::VisiblePost;
use crate::domain::PostId;

/// A post.
#[derive(Debug, Serialize, ToSchema)]
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
    /// Builds the response body of a post.
    pub(crate) fn of(post: &VisiblePost, counts: &counts::Model) -> Self {
        Self {
            id: post.id,
            title: post.title.clone(),
            content: post.content.clone(),
            entities: find_entities(&post.content),
            image_url: post.image_url.clone(),
            images: post.images.clone().unwrap_or_default().0,
            author: Author::new(post.author_id, post.username.clone()),
            like_count: counts.like_count,
            comment_count: counts.comment_count,
            view_count: counts.view_count,
            created_at: post.created_at,
            updated_at: post.updated_at,
        }
    }
}
