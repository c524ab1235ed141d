//! The stream `like`: likes, of which the authors of posts are told.

use sea_orm::DbErr;
use shared::events::{Key, ProjectionRow, Readers, State};
use shared::work::Tx;

use crate::db::entities::likes::{Column, Model};
use crate::db::queries::live_items;
use crate::domain::live::News;

impl State for Model {
    const STREAM: &'static str = "like";
    const READERS: Readers = Readers::Person;

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
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
        Self { post_author_id: None, created_at: None, ..self }
    }

    async fn store_derived(tx: &mut Tx, rows: &[Self]) -> Result<(), DbErr> {
        let by_others = rows.iter().filter(|row| row.post_author_id != Some(row.user_id));
        let news = by_others
            .filter_map(|row| Some(News::of_like(row.post_id, row.post_author_id?, row.user_id, row.created_at?)));
        live_items::append(tx, news.collect()).await
    }
}
