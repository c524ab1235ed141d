//! Answers with posts, and the number of views.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::people::Author;
use shared::pictures::Picture;
use shared::text::mentions::{Entity, find_entities};
use utoipa::ToSchema;

use crate::db::queries::own::OwnPost;
use crate::db::queries::posts::ShownPost;
use crate::domain::ids::PostId;
use crate::streams::post::PostState;
use crate::streams::post_counts::CountsState;

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
    /// Builds the answer from a post, its counters and its author's username. `None` for a tombstone, which nobody is
    /// shown.
    pub(crate) fn of(post: &PostState, counts: &CountsState, author: &str) -> Option<Self> {
        if post.deleted {
            return None;
        }
        Some(Self {
            id: post.id,
            title: post.title.clone()?,
            content: post.content.clone()?,
            entities: post.content.as_deref().map(find_entities).unwrap_or_default(),
            image_url: post.image_url.clone(),
            images: post.images.clone().unwrap_or_default().0,
            author: Author::new(post.author_id?, author.to_owned()),
            like_count: counts.like_count,
            comment_count: counts.comment_count,
            view_count: counts.view_count,
            created_at: post.created_at?,
            updated_at: post.updated_at?,
        })
    }

    /// Builds the answer from a post that was read from the database. `None` as in [`PostOut::of`].
    pub(crate) fn from_row(shown: ShownPost) -> Option<Self> {
        Self::of(&shown.post.into(), &shown.counts.into(), &shown.author)
    }
}

/// A post of the reader.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnPostOut {
    #[serde(flatten)]
    post: PostOut,
    /// True when an admin has removed it, so that nobody else sees it.
    removed: bool,
}

impl OwnPostOut {
    /// Builds the answer from a post and its author's username. `None` for a post that the author has deleted.
    pub(crate) fn of(own: OwnPost, author: &str) -> Option<Self> {
        let OwnPost { mut post, counts } = own;
        // The answer is for everybody, and nobody is shown a removed post.
        let removed = post.removed_at.take().is_some();
        Some(Self { post: PostOut::of(&post.into(), &counts.into(), author)?, removed })
    }
}

/// A page of the reader's posts.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnPostList {
    pub(crate) posts: Vec<OwnPostOut>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// A post that was written or changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostSaved {
    pub(crate) message: &'static str,
    pub(crate) post: PostOut,
}

/// A page of posts.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostList {
    pub(crate) posts: Vec<PostOut>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// How often a post was viewed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Views {
    pub(crate) views: i64,
}
