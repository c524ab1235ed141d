//! The archives of people's data that were asked for.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let exports = Table::create()
            .table("exports")
            .col(big_integer("user_id").primary_key())
            .col(text("name"))
            .col(timestamp_with_time_zone("requested_at"))
            // One replica makes the archive until this time; afterwards any replica may try.
            .col(timestamp_with_time_zone("claimed_until"))
            // The service whose data is being collected.
            .col(text_null("step"))
            .col(timestamp_with_time_zone_null("ready_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        manager.create_table(exports).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
