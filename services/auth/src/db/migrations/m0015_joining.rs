//! Invitations, and people who wait for the decision of an admin.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [timestamp_with_time_zone_null("waits_since"), text_null("application")] {
            manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        }
        let invitations = Table::create()
            .table("invitations")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(text("code_hash"))
            .col(text("note"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("expires_at"))
            // A registration holds an invitation for as long as it may wait for its confirmation.
            .col(timestamp_with_time_zone_null("held_until"))
            .col(big_integer_null("guest_id"))
            .col(timestamp_with_time_zone_null("used_at"))
            .to_owned();
        manager.create_table(invitations).await?;
        let unique =
            Index::create().name("uq_invitations_code_hash").table("invitations").col("code_hash").unique().to_owned();
        manager.create_index(unique).await?;
        for (name, table, column) in [
            ("ix_invitations_user_id", "invitations", "user_id"),
            ("ix_invitations_guest_id", "invitations", "guest_id"),
            ("ix_users_waits_since", "users", "waits_since"),
        ] {
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
