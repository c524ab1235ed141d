//! The tables of decisions and of the audit log, and of the copies of users, posts, comments and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, boolean, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [decisions_table(), audit_table(), users_table(), posts_table(), comments_table(), counts_table()]
        {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn decisions_table() -> TableCreateStatement {
    Table::create()
        .table("decisions")
        .col(text("kind"))
        .col(big_integer("target_id"))
        .col(big_integer("version"))
        // True when the target is blocked or removed.
        .col(boolean("hidden"))
        .col(text_null("reason"))
        .col(big_integer("actor_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .primary_key(Index::create().col("kind").col("target_id"))
        .to_owned()
}

fn audit_table() -> TableCreateStatement {
    Table::create()
        .table("audit_log")
        .col(big_pk_auto("id"))
        .col(timestamp_with_time_zone("at"))
        .col(big_integer("actor_id"))
        .col(text("actor_username"))
        .col(text("action"))
        .col(text("target_kind"))
        .col(big_integer("target_id"))
        .col(text_null("reason"))
        .col(text("request_id"))
        .col(text("result"))
        .to_owned()
}

// The copies below have no constraint but their keys, because their rows arrive in any order.

fn users_table() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .col(text_null("username"))
        .col(text_null("role"))
        .col(timestamp_with_time_zone_null("created_at"))
        .col(boolean("verified"))
        .col(boolean("blocked"))
        .col(big_integer("session_version"))
        .to_owned()
}

fn posts_table() -> TableCreateStatement {
    Table::create()
        .table("posts")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .col(timestamp_with_time_zone_null("created_at"))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    Table::create()
        .table("comments")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    Table::create()
        .table("post_counts")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(big_integer("like_count"))
        .to_owned()
}
