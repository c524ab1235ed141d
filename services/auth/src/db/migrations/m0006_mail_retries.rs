//! What the answers to a mail have been so far.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, timestamp_with_time_zone_null};

use crate::db::entities::mail_job;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use mail_job::Column as C;
        // One column per statement: SQLite takes no more.
        for column in [
            big_integer(C::Refusals).default(0).to_owned(),
            timestamp_with_time_zone_null(C::RefusedSince),
            big_integer(C::Unsettled).default(0).to_owned(),
            timestamp_with_time_zone_null(C::GiveUpAt),
        ] {
            manager.alter_table(Table::alter().table(mail_job::Entity).add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
