//! Sessions and their refresh tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, text, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sessions = Table::create()
            .table("sessions")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(big_integer("user_id"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("revoked_at"))
            .to_owned();
        manager.create_table(sessions).await?;
        let index = Index::create().name("ix_sessions_user_id").table("sessions").col("user_id").to_owned();
        manager.create_index(index).await?;
        let tokens = Table::create()
            .table("refresh_tokens")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(big_integer("session_id"))
            .col(big_integer("user_id"))
            .col(big_integer_null("parent_id"))
            .col(text("token_hash"))
            .col(timestamp_with_time_zone("issued_at"))
            .col(timestamp_with_time_zone_null("used_at"))
            .to_owned();
        manager.create_table(tokens).await?;
        let hash = Index::create()
            .name("uq_refresh_tokens_token_hash")
            .table("refresh_tokens")
            .col("token_hash")
            .unique()
            .to_owned();
        manager.create_index(hash).await?;
        let parent =
            Index::create().name("ix_refresh_tokens_parent_id").table("refresh_tokens").col("parent_id").to_owned();
        manager.create_index(parent).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
