//! The outcome of the attempts to send a mail so far: refusals, and attempts that ended without an answer.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column per statement: SQLite takes no more.
        for column in [
            big_integer("refusals").default(0).to_owned(),
            timestamp_with_time_zone_null("refused_since"),
            big_integer("unsettled").default(0).to_owned(),
            timestamp_with_time_zone_null("give_up_at"),
        ] {
            manager.alter_table(Table::alter().table("mail_jobs").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
