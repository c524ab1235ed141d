//! Usernames that were registered with an address of somebody else.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, timestamp_with_time_zone};

use crate::db::entities::reservation;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use reservation::Column as C;
        let table = Table::create()
            .table(reservation::Entity)
            .col(text(C::UsernameKey).primary_key())
            .col(text(C::PasswordHash))
            .col(timestamp_with_time_zone(C::CreatedAt))
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
