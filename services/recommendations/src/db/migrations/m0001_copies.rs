//! The tables of the copies. Columns of content are nullable, because a tombstone keeps only its key and version.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, text_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table("users")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(boolean("deleted"))
            .col(boolean("blocked"))
            .col(big_integer("session_version"))
            .col(text_null("username"))
            .col(text_null("first_name"))
            .col(text_null("last_name"))
            .col(text_null("bio"))
            .col(timestamp_with_time_zone_null("created_at"))
            .to_owned();
        let posts = Table::create()
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
            .to_owned();
        let counts = Table::create()
            .table("post_counts")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(big_integer("like_count"))
            .col(big_integer("comment_count"))
            .col(big_integer("view_count"))
            .to_owned();
        let likes = Table::create()
            .table("likes")
            .col(big_integer("user_id"))
            .col(big_integer("post_id"))
            .col(big_integer("version"))
            .col(boolean("deleted"))
            .primary_key(Index::create().col("user_id").col("post_id"))
            .to_owned();
        for table in [users, posts, counts, likes] {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
