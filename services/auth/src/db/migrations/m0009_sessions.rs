//! Details of sessions, by which their owner recognises them; new addresses and codes that belong to links in mails.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, text_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement for each column, because SQLite adds no more than one at a time.
        for (table, column) in [
            ("sessions", timestamp_with_time_zone_null("last_used_at")),
            ("sessions", text_null("client")),
            ("sessions", text_null("address")),
            ("sessions", boolean("is_end_published").default(false).to_owned()),
            ("links", text_null("address")),
            ("links", text_null("code_hash")),
            ("links", big_integer("guesses").default(0).to_owned()),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        let index = Index::create().name("ix_sessions_revoked_at").table("sessions").col("revoked_at").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
