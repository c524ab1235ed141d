//! The stream `comment`: comments, and the people who are told of them.

use sea_orm::DbErr;
use shared::events::{Key, ProjectionRow, Readers, State};
use shared::work::Tx;

use crate::db::entities::comments::{Column, Model};
use crate::db::queries::{live_items, notices};
use crate::domain::ids::CommentId;
use crate::domain::live::News;
use crate::domain::notices::{Notice, Place, Written};

impl State for Model {
    const STREAM: &'static str = "comment";
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
            post_id: None,
            post_author_id: None,
            author_id: None,
            answered: None,
            content: None,
            created_at: None,
            ..self
        }
    }

    async fn delete_derived(tx: &Tx, key: &Key) -> Result<(), DbErr> {
        notices::replace(tx, vec![Place::comment(CommentId(key.first()))], Vec::new()).await
    }

    async fn store_derived(tx: &mut Tx, rows: &[Self]) -> Result<(), DbErr> {
        let changed = rows.iter().map(|row| Place::comment(row.id));
        let notices: Vec<Notice> = rows.iter().flat_map(notices_of).collect();
        let news = notices.iter().map(News::of_notice).collect();
        notices::replace(tx, changed.collect(), notices).await?;
        live_items::append(tx, news).await
    }
}

/// Lists the notices of a comment; none of a tombstone.
fn notices_of(row: &Model) -> Vec<Notice> {
    let (Some(post), Some(author), Some(at)) = (row.post_id, row.author_id, row.created_at) else { return Vec::new() };
    let content = row.content.as_deref().unwrap_or_default();
    let written = Written { place: Place::comment(row.id), post, author, at, content };
    let answered = row.answered.as_ref().map_or(&[][..], |answered| &answered.0);
    let mut notices = written.mentions();
    notices
        .extend(row.post_author_id.map(|post_author| written.participants(post_author, answered)).unwrap_or_default());
    notices
}
