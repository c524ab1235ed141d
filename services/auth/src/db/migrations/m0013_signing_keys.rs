//! Signing keys that take the place of the one in the key file, and of each other.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_pk_auto, blob_null, boolean, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table("signing_keys")
            .col(big_pk_auto("id"))
            .col(timestamp_with_time_zone("requested_at"))
            .col(boolean("at_once"))
            // These are empty until a replica has made the key that an operator has asked for.
            .col(text_null("kid"))
            .col(blob_null("sealed"))
            .col(timestamp_with_time_zone_null("used_from"))
            .to_owned();
        manager.create_table(keys).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
