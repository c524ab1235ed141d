//! Accounts that nobody has confirmed own nothing: several may wait with the same address, each until its time is over,
//! and an erased account leaves its id and version behind. Links of all purposes move into one table, in which an
//! account can have several.

use std::time::Duration;

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone, timestamp_with_time_zone_null};
use shared::clock::Clock;

/// The time that is left to an account that waits for its confirmation when this step runs.
const GRACE: Duration = Duration::from_secs(24 * 3_600);

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        limit_waiting(manager).await?;
        share_addresses(manager).await?;
        let erased = Table::create()
            .table("erased_users")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("erased_at"))
            .to_owned();
        manager.create_table(erased).await?;
        replace_verifications(manager).await?;
        let limits =
            Table::create().table("limits").col(text("key").primary_key()).col(big_integer("full_at")).to_owned();
        manager.create_table(limits).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Adds the time at which an account that is not confirmed ends. The accounts that wait now get a day.
async fn limit_waiting(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let column = Table::alter().table("users").add_column(timestamp_with_time_zone_null("expires_at")).to_owned();
    manager.alter_table(column).await?;
    let waiting = Query::update()
        .table("users")
        .value("expires_at", Clock::system().now() + GRACE)
        .and_where(Expr::col("verified_at").is_null())
        .to_owned();
    manager.get_connection().execute(&waiting).await?;
    let index = Index::create().name("ix_users_expires_at").table("users").col("expires_at").to_owned();
    manager.create_index(index).await
}

/// Makes an address unique among the accounts that have confirmed it, and no longer among all. The index keeps its
/// name, because errors are recognised by it.
async fn share_addresses(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.drop_index(Index::drop().name("uq_users_email_key").table("users").to_owned()).await?;
    let owners = Index::create()
        .name("uq_users_email_key")
        .table("users")
        .col("email_key")
        .unique()
        .and_where(Expr::col("verified_at").is_not_null())
        .to_owned();
    manager.create_index(owners).await?;
    let all = Index::create().name("ix_users_email_key").table("users").col("email_key").to_owned();
    manager.create_index(all).await
}

/// Creates the table of links and moves the verification links into it.
async fn replace_verifications(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let links = Table::create()
        .table("links")
        .col(text("token_hash").primary_key())
        .col(text("purpose"))
        .col(big_integer("user_id"))
        .col(text("email_key"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("used_at"))
        .to_owned();
    manager.create_table(links).await?;
    for (name, column) in [("ix_links_user_id", "user_id"), ("ix_links_expires_at", "expires_at")] {
        manager.create_index(Index::create().name(name).table("links").col(column).to_owned()).await?;
    }
    let old = Query::select()
        .column("token_hash")
        .expr(Expr::val("verification"))
        .columns(["user_id", "email_key", "expires_at", "used_at"])
        .from("verifications")
        .to_owned();
    let moved = Query::insert()
        .into_table("links")
        .columns(["token_hash", "purpose", "user_id", "email_key", "expires_at", "used_at"])
        .select_from(old)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .to_owned();
    manager.get_connection().execute(&moved).await?;
    manager.drop_table(Table::drop().table("verifications").to_owned()).await
}
