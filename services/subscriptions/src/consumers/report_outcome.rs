//! The stream `report_outcome`: reports, whose reporters are told how they ended.

use sea_orm::DbErr;
use shared::events::{Key, ProjectionRow, State};
use shared::work::Tx;

use crate::db::entities::report_outcomes::{Column, Model};
use crate::db::queries::live_items;
use crate::domain::live::News;
use crate::domain::notices::{Place, Recipient};

impl State for Model {
    const STREAM: &'static str = "report_outcome";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
    const HAS_DERIVED: bool = true;

    async fn store_derived(tx: &mut Tx, rows: &[Self]) -> Result<(), DbErr> {
        // A report that is open again may end again.
        for row in rows.iter().filter(|row| row.resolved_at.is_none() && row.version > 1) {
            live_items::withdraw(tx, &Recipient::Id(row.reporter_id), Place::outcome(row.id)).await?;
        }
        let ends = rows.iter().filter_map(|row| Some(News::of_outcome(row.reporter_id, row.id, row.resolved_at?)));
        live_items::append(tx, ends.collect()).await
    }
}
