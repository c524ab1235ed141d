//! The posts of feeds as rendered bodies, for a bounded cache that follows the copies.

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::cache::{Json, Load, Rendered};
use shared::db::Reads;
use shared::pictures::Pictures;
use shared::text::mentions::rendered_bytes;

use crate::answers::{CountsOut, PostOut};
use crate::db::entities::{counts, posts, users};
use crate::db::queries::feed;
use crate::domain::ids::PostId;

/// A visible post with its author. The author is cached along, because usernames never change.
pub(crate) struct ShownPost {
    post: posts::Model,
    author: users::Model,
    body: Rendered<counts::Model, Json>,
}

impl ShownPost {
    /// Returns the post as JSON. It is rendered once for each state of its counters.
    pub(crate) fn body(&self) -> Json {
        self.body.get(|counts| Json::of(&PostOut::of(&self.post, &self.author, counts)))
    }

    /// Returns the post's id and its counters as JSON.
    pub(super) fn counts(&self) -> (PostId, Json) {
        (self.post.id, self.body.with_state(|counts| Json::of(&CountsOut::of(counts))))
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
        let rows = feed::find_visible_posts(db, ids.iter().map(|id| PostId(*id))).await?;
        let shown = rows.into_iter().map(|row| {
            // Counters travel on a stream of their own and may arrive after their post. Version 0 loses against any
            // state.
            let none = counts::Model { id: row.post.id, version: 0, like_count: 0, comment_count: 0, view_count: 0 };
            let body = Rendered::new(row.counts.unwrap_or(none));
            (row.post.id.0, ShownPost { post: row.post, author: row.author, body })
        });
        Ok(shown.collect())
    }

    fn bytes(shown: &ShownPost) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let post = &shown.post;
        // 700 bytes is the estimated size of both structs with their short strings. The texts exist twice: in the row
        // and in the rendered body.
        let entities = post.content.as_deref().map_or(0, rendered_bytes);
        let pictures = post.images.as_ref().map_or(0, Pictures::bytes);
        700 + 2 * (length(&post.title) + length(&post.content) + length(&post.image_url) + pictures) + entities
    }
}
