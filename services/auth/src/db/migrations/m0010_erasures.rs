//! People who leave: receipts of their erasure, the confirmations of the other services, and the session version that a
//! tombstone keeps.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // By this column the other services tell a person who has left from an account that nobody has verified: the
        // latter has 0, as all accounts have that were erased before this step.
        let column = big_integer("session_version").default(0).to_owned();
        manager.alter_table(Table::alter().table("erased_users").add_column(column).to_owned()).await?;
        let receipts = Table::create()
            .table("receipts")
            .col(big_integer("user_id").primary_key())
            .col(text("token_hash"))
            .col(timestamp_with_time_zone("erased_at"))
            .col(text("counts"))
            .to_owned();
        manager.create_table(receipts).await?;
        let index =
            Index::create().name("uq_receipts_token_hash").table("receipts").col("token_hash").unique().to_owned();
        manager.create_index(index).await?;
        let confirmations = Table::create()
            .table("confirmations")
            .col(text("service"))
            .col(big_integer("user_id"))
            .col(big_integer("version"))
            .col(boolean("complete"))
            .col(text("counts"))
            .col(timestamp_with_time_zone("confirmed_at"))
            .primary_key(Index::create().col("service").col("user_id"))
            .to_owned();
        manager.create_table(confirmations).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
