//! The tables of open streams: the items that they tell people of, and the last number of an item.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let items = Table::create()
            .table("live_items")
            .col(big_integer("seq").primary_key())
            // The person's id in digits, `@` and the username in lower case, or empty for all followers of the actor.
            .col(text("recipient"))
            // As in `notices`.
            .col(big_integer("place"))
            .col(big_integer("actor_id"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(items).await?;
        let head = Table::create()
            .table("live_head")
            .col(big_integer("id").primary_key())
            .col(big_integer("seq"))
            .col(big_integer("trimmed_to"))
            .to_owned();
        manager.create_table(head).await?;
        // A thing is announced to somebody once, however often its state is applied.
        let once = Index::create()
            .name("uq_live_items_thing")
            .table("live_items")
            .col("recipient")
            .col("place")
            .col("actor_id")
            .unique()
            .to_owned();
        manager.create_index(once).await?;
        // Finds the items that somebody has missed.
        let missed =
            Index::create().name("ix_live_items_recipient").table("live_items").col("recipient").col("seq").to_owned();
        manager.create_index(missed).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
