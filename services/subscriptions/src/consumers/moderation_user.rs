//! The stream `moderation.user`: the decisions of admins about people, who are told of their warnings.

use sea_orm::DbErr;
use shared::events::{Key, ProjectionRow, State};
use shared::work::Tx;

use crate::db::entities::moderated_people::{Column, Model};
use crate::db::queries::live_items;
use crate::domain::live::News;

impl State for Model {
    const STREAM: &'static str = "moderation.user";

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

    async fn store_derived(tx: &mut Tx, rows: &[Self]) -> Result<(), DbErr> {
        let warnings = rows.iter().flat_map(|row| row.warnings.iter().flat_map(|all| &all.0).map(|one| (row.id, one)));
        let news = warnings.map(|(person, warning)| News::of_warning(person, warning.id, warning.at));
        live_items::append(tx, news.collect()).await
    }
}
