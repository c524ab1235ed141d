//! The digests of notifications by mail.

use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text_null, timestamp_with_time_zone_null};

/// A partial index, because few people want digests.
const INDEX: &str = "CREATE INDEX ix_users_digest_at ON users (digest_at) WHERE digest_at IS NOT NULL";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `digest_at` is the time of the next digest; empty while the person wants none.
        for column in ["digest_at", "digest_since"] {
            let column = timestamp_with_time_zone_null(column);
            manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        }
        // The address at which the recipient ends mails of this kind.
        let column = text_null("unsubscribe_url");
        manager.alter_table(Table::alter().table("mail_jobs").add_column(column).to_owned()).await?;
        manager.get_connection().execute_unprepared(INDEX).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
