//! Posts as they are recommended: finished bodies in a bounded cache, which follows the copies.

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::cache::{Json, Load, Rendered};
use shared::db::Reads;

use crate::db::entities::counts;
use crate::db::queries::posts::{self, PostRow};
use crate::domain::PostId;
use crate::routes::shapes::PostOut;

/// A post with its author's name, which never changes.
pub(crate) struct ShownPost {
    post: PostRow,
    body: Rendered<counts::Model, Json>,
}

impl ShownPost {
    /// Which post it is.
    pub(crate) fn id(&self) -> PostId {
        self.post.id
    }

    /// The post as JSON.
    pub(crate) fn body(&self) -> Json {
        self.body.get(|counts| Json::of(&PostOut::of(&self.post, counts)))
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
        let found = posts::find_visible(db, ids.iter().map(|id| PostId(*id))).await?;
        let shown = found.into_iter().map(|mut post| {
            // Counters that have not arrived yet are shown as zero.
            let none = counts::Model { id: post.id, version: 0, like_count: 0, comment_count: 0, view_count: 0 };
            let body = Rendered::new(post.counts.take().unwrap_or(none));
            (post.id.0, ShownPost { post, body })
        });
        Ok(shown.collect())
    }

    fn bytes(shown: &ShownPost) -> usize {
        let post = &shown.post;
        // The text is there twice: as it was sent and as it is answered.
        600 + 2 * (post.title.len() + post.content.len() + post.image_url.as_ref().map_or(0, String::len))
    }
}
