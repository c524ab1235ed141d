//! Second factors: the secrets of authenticator apps, recovery codes, and the challenges of logins that wait for a
//! code.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, blob, text, timestamp_with_time_zone, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // In the account's row, because each login and each refresh looks at it.
        let column = timestamp_with_time_zone_null("second_factor_at");
        manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        let apps = Table::create()
            .table("authenticator_apps")
            .col(big_integer("user_id").primary_key())
            .col(blob("secret"))
            .col(timestamp_with_time_zone("created_at"))
            // Empty until the person has typed a first code.
            .col(timestamp_with_time_zone_null("confirmed_at"))
            // The step of the newest code that was used.
            .col(big_integer("last_step"))
            .to_owned();
        let codes = Table::create()
            .table("recovery_codes")
            .col(text("code_hash").primary_key())
            .col(big_integer("user_id"))
            .col(timestamp_with_time_zone_null("used_at"))
            .to_owned();
        let challenges = Table::create()
            .table("challenges")
            .col(text("token_hash").primary_key())
            .col(big_integer("user_id"))
            .col(big_integer("session_version"))
            .col(timestamp_with_time_zone("expires_at"))
            .col(big_integer("guesses"))
            .to_owned();
        for table in [apps, codes, challenges] {
            manager.create_table(table).await?;
        }
        for (name, table) in [("ix_recovery_codes_user_id", "recovery_codes"), ("ix_challenges_user_id", "challenges")]
        {
            manager.create_index(Index::create().name(name).table(table).col("user_id").to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
