//! The posts of recommendations as rendered bodies, for a bounded cache that follows the copies.

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::cache::{Json, Load, Rendered};
use shared::db::Reads;
use shared::ids::UserId;
use shared::pictures::Pictures;
use shared::text::mentions::rendered_bytes;

use crate::answers::PostOut;
use crate::db::entities::counts;
use crate::db::queries::posts::{self, VisiblePost};
use crate::domain::PostId;

/// A visible post with its author's name. The name is cached along, because usernames never change.
pub(crate) struct ShownPost {
    post: VisiblePost,
    body: Rendered<counts::Model, Json>,
}

impl ShownPost {
    /// Returns the post's id.
    pub(super) fn id(&self) -> PostId {
        self.post.id
    }

    /// Returns the post's author.
    pub(super) fn author(&self) -> UserId {
        self.post.author_id
    }

    /// Returns the post as JSON. It is rendered once for each state of its counters.
    pub(super) fn body(&self) -> Json {
        self.body.get(|counts| Json::of(&PostOut::of(&self.post, counts)))
    }

    /// Replaces the counters by `counts` if these have a higher version.
    pub(super) fn merge_counts(&self, counts: &counts::Model) {
        self.body.merge(counts);
    }
}

/// The loader of the cache: reads visible posts by their ids.
pub(crate) struct PostLoader;

#[async_trait]
impl Load for PostLoader {
    type Value = ShownPost;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, ShownPost)>, DbErr> {
        let found = posts::find_visible(db, ids.iter().map(|id| PostId(*id))).await?;
        let shown = found.into_iter().map(|mut post| {
            // Counters travel on a stream of their own and may arrive after their post. Version 0 loses against any
            // state.
            let none = counts::Model { id: post.id, version: 0, like_count: 0, comment_count: 0, view_count: 0 };
            let body = Rendered::new(post.counts.take().unwrap_or(none));
            (post.id.0, ShownPost { post, body })
        });
        Ok(shown.collect())
    }

    fn bytes(shown: &ShownPost) -> usize {
        let post = &shown.post;
        // 600 bytes is the estimated size of the structs with their short strings. The texts exist twice: in the row
        // and in the rendered body.
        let picture = post.image_url.as_ref().map_or(0, String::len) + post.images.as_ref().map_or(0, Pictures::bytes);
        600 + 2 * (post.title.len() + post.content.len() + picture) + rendered_bytes(&post.content)
    }
}
