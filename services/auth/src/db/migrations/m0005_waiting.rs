//! Indexes by which the accounts that wait for their verification are counted, before another one registers.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let links =
            Index::create().name("ix_verifications_expires_at").table("verifications").col("expires_at").to_owned();
        manager.create_index(links).await?;
        let names =
            Index::create().name("ix_reservations_created_at").table("reservations").col("created_at").to_owned();
        manager.create_index(names).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
