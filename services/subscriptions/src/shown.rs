//! Posts as a feed shows them: finished bodies in a bounded cache, which follows the copies.

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::cache::{Json, Load, Rendered};
use shared::db::Reads;

use crate::db::entities::{counts, posts, users};
use crate::db::queries::feed;
use crate::domain::ids::PostId;
use crate::routes::feed::PostOut;

/// A post with its author, whose name never changes.
pub(crate) struct ShownPost {
    post: posts::Model,
    author: users::Model,
    body: Rendered<counts::Model, Json>,
}

impl ShownPost {
    /// The post as JSON.
    pub(crate) fn body(&self) -> Json {
        self.body.get(|counts| Json::of(&PostOut::of(&self.post, &self.author, counts)))
    }

    /// Takes counters that are newer.
    pub(crate) fn count(&self, counts: &counts::Model) {
        self.body.merge(counts);
    }
}

/// Reads posts for the cache.
pub(crate) struct FromDatabase;

#[async_trait]
impl Load for FromDatabase {
    type Value = ShownPost;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, ShownPost)>, DbErr> {
        let shown = feed::shown(db, ids.iter().map(|id| PostId(*id))).await?.into_iter().map(|shown| {
            // Counters that have not arrived yet are shown as zero.
            let none = counts::Model { id: shown.post.id, version: 0, like_count: 0, comment_count: 0, view_count: 0 };
            let body = Rendered::new(shown.counts.unwrap_or(none));
            (shown.post.id.0, ShownPost { post: shown.post, author: shown.author, body })
        });
        Ok(shown.collect())
    }

    fn bytes(shown: &ShownPost) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let post = &shown.post;
        // The text is there twice: as it was sent and as it is answered.
        700 + 2 * (text(&post.title) + text(&post.content) + text(&post.image_url))
    }
}
