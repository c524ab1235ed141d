//! The tables of what admins have decided about people and about reports, of which people are told.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, boolean, json_null, text, text_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let people = Table::create()
            .table("moderated_people")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(boolean("blocked"))
            .col(timestamp_with_time_zone_null("blocked_until"))
            .col(json_null("warnings"))
            .to_owned();
        manager.create_table(people).await?;
        let outcomes = Table::create()
            .table("report_outcomes")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(big_integer("reporter_id"))
            .col(text("target_kind"))
            .col(big_integer("target_id"))
            // Absent while the report is open, as is the time.
            .col(text_null("outcome"))
            .col(timestamp_with_time_zone_null("resolved_at"))
            .to_owned();
        manager.create_table(outcomes).await?;
        let of_reporter = Index::create()
            .name("ix_report_outcomes_reporter")
            .table("report_outcomes")
            .col("reporter_id")
            .col("resolved_at")
            .col("id")
            .to_owned();
        manager.create_index(of_reporter).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
