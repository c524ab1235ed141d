//! The log of what happens to accounts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, text, text_null, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let log = Table::create()
            .table("account_log")
            .col(big_pk_auto("id"))
            .col(text("kind"))
            .col(big_integer_null("user_id"))
            .col(big_integer_null("actor_id"))
            .col(big_integer("count"))
            .col(text_null("address"))
            .col(text_null("request_id"))
            .col(timestamp_with_time_zone("at"))
            .to_owned();
        manager.create_table(log).await?;
        for (name, columns) in [
            ("ix_account_log_user_id_kind_at", &["user_id", "kind", "at"][..]),
            ("ix_account_log_user_id_id", &["user_id", "id"]),
            ("ix_account_log_actor_id", &["actor_id"]),
            ("ix_account_log_at", &["at"]),
        ] {
            let mut index = Index::create().name(name).table("account_log").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
