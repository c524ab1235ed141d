//! Passkeys, and the ceremonies in which a browser makes or shows one.

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
        let passkeys = Table::create()
            .table("passkeys")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            // The random name of the person that authenticators store, the same for all passkeys of a person.
            .col(text("user_handle"))
            .col(text("credential_id"))
            .col(text("name"))
            .col(text("public_key"))
            // A column of its own, so that the condition of an update can compare it.
            .col(big_integer("counter"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("last_used_at"))
            .to_owned();
        let ceremonies = Table::create()
            .table("ceremonies")
            .col(text("token_hash").primary_key())
            .col(text("kind"))
            // These two are empty while nobody knows yet who signs in.
            .col(big_integer_null("user_id"))
            .col(big_integer_null("session_version"))
            // These two belong to a passkey that is being made.
            .col(text_null("user_handle"))
            .col(text_null("name"))
            .col(text("state"))
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        for table in [passkeys, ceremonies] {
            manager.create_table(table).await?;
        }
        let unique = Index::create()
            .name("uq_passkeys_credential_id")
            .table("passkeys")
            .col("credential_id")
            .unique()
            .to_owned();
        manager.create_index(unique).await?;
        for (name, table, column) in [
            ("ix_passkeys_user_id", "passkeys", "user_id"),
            ("ix_ceremonies_user_id", "ceremonies", "user_id"),
            ("ix_ceremonies_expires_at", "ceremonies", "expires_at"),
        ] {
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
