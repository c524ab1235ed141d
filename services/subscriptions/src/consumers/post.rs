//! The stream `post`: posts, whose newest ones also fill the timelines, and the people whom they mention.

use sea_orm::DbErr;
use shared::events::{Key, ProjectionRow, Readers, State};
use shared::work::Tx;

use crate::db::entities::posts::{Column, Model};
use crate::db::queries::{live_items, notices};
use crate::domain::ids::PostId;
use crate::domain::live::News;
use crate::domain::notices::{Notice, Place, Written};

impl State for Model {
    const STREAM: &'static str = "post";
    const READERS: Readers = Readers::Members;

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
    const HAS_DERIVED: bool = true;

    fn without_tombstone_fields(self) -> Self {
        if !self.deleted {
            return self;
        }
        Self {
            author_id: None,
            title: None,
            content: None,
            image_url: None,
            images: None,
            created_at: None,
            updated_at: None,
            ..self
        }
    }

    async fn delete_derived(tx: &Tx, key: &Key) -> Result<(), DbErr> {
        notices::replace(tx, vec![Place::post(PostId(key.first()))], Vec::new()).await
    }

    async fn store_derived(tx: &mut Tx, rows: &[Self]) -> Result<(), DbErr> {
        let changed = rows.iter().map(|row| Place::post(row.id));
        let notices: Vec<Notice> = rows.iter().flat_map(notices_of).collect();
        let posts = rows.iter().filter_map(|row| Some(News::of_post(row.id, row.author_id?, row.created_at?)));
        let news = posts.chain(notices.iter().map(News::of_notice)).collect();
        notices::replace(tx, changed.collect(), notices).await?;
        live_items::append(tx, news).await
    }
}

/// Lists the notices of a post; none of a tombstone.
fn notices_of(row: &Model) -> Vec<Notice> {
    let (Some(author), Some(at)) = (row.author_id, row.created_at) else { return Vec::new() };
    let content = row.content.as_deref().unwrap_or_default();
    Written { place: Place::post(row.id), post: row.id, author, at, content }.mentions()
}
