//! The tables of subscriptions and of the copies of users, posts and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [subscriptions_table(), users_table(), posts_table(), counts_table()] {
            manager.create_table(table).await?;
        }
        // These indexes find the followers of one person, and the posts of one author from new to old.
        let indexes = [
            Index::create()
                .name("ix_subscriptions_followee_id")
                .table("subscriptions")
                .col("followee_id")
                .col("follower_id")
                .to_owned(),
            Index::create().name("ix_posts_author_id").table("posts").col("author_id").col("id").to_owned(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn subscriptions_table() -> TableCreateStatement {
    Table::create()
        .table("subscriptions")
        .col(big_integer("follower_id"))
        .col(big_integer("followee_id"))
        .col(boolean("active"))
        .col(big_integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("follower_id").col("followee_id"))
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
        .col(text_null("first_name"))
        .col(text_null("last_name"))
        .col(text_null("bio"))
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
        .col(big_integer_null("author_id"))
        .col(text_null("title"))
        .col(text_null("content"))
        .col(text_null("image_url"))
        .col(timestamp_with_time_zone_null("created_at"))
        .col(timestamp_with_time_zone_null("updated_at"))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    Table::create()
        .table("post_counts")
        .col(big_integer("id").primary_key())
        .col(big_integer("version"))
        .col(big_integer("like_count"))
        .col(big_integer("comment_count"))
        .col(big_integer("view_count"))
        .to_owned()
}
