//! People, and their verification links.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table("users")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(big_integer("version"))
            .col(text("username"))
            .col(text("username_key"))
            .col(text("email"))
            .col(text("email_key"))
            .col(text("password_hash"))
            .col(text_null("first_name"))
            .col(text_null("last_name"))
            .col(text_null("bio"))
            .col(text("first_name_key"))
            .col(text("last_name_key"))
            .col(text("full_name_key"))
            .col(text("role"))
            .col(timestamp_with_time_zone_null("verified_at"))
            .col(timestamp_with_time_zone_null("blocked_at"))
            .col(big_integer("decision_version"))
            .col(big_integer("session_version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(users).await?;
        for (name, column) in [("uq_users_username_key", "username_key"), ("uq_users_email_key", "email_key")] {
            manager.create_index(Index::create().name(name).table("users").col(column).unique().to_owned()).await?;
        }
        let verifications = Table::create()
            .table("verifications")
            .col(big_integer("user_id").primary_key())
            .col(text("email_key"))
            .col(text("token_hash"))
            .col(timestamp_with_time_zone("expires_at"))
            .col(timestamp_with_time_zone_null("used_at"))
            .to_owned();
        manager.create_table(verifications).await?;
        let index = Index::create()
            .name("uq_verifications_token_hash")
            .table("verifications")
            .col("token_hash")
            .unique()
            .to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
