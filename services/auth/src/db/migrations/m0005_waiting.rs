//! Those who wait to be verified are counted before one more registers.

use sea_orm_migration::prelude::*;

use crate::db::entities::{reservation, verification};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let links = Index::create()
            .name("ix_verifications_expires_at")
            .table(verification::Entity)
            .col(verification::Column::ExpiresAt)
            .to_owned();
        manager.create_index(links).await?;
        let names = Index::create()
            .name("ix_reservations_created_at")
            .table(reservation::Entity)
            .col(reservation::Column::CreatedAt)
            .to_owned();
        manager.create_index(names).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
