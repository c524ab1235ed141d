//! The tables of posts, counters, comments and likes, and of the copy of users.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, boolean, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};
use shared::db::is_postgres;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [posts_table(), counts_table(), comments_table(), likes_table(), users_table()] {
            manager.create_table(table).await?;
        }
        // These indexes serve the pages of one author's posts, and of one post's comments and likes.
        let indexes = [
            Index::create().name("ix_posts_author_id").table("posts").col("author_id").col("id").to_owned(),
            Index::create().name("ix_comments_post_id").table("comments").col("post_id").col("id").to_owned(),
            Index::create().name("ix_likes_post_id").table("likes").col("post_id").col("user_id").to_owned(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        if is_postgres(manager.get_connection()) {
            // Counters change all the time. With free room in its page, a row is updated without a change of the index.
            manager.get_connection().execute_unprepared("ALTER TABLE post_counts SET (fillfactor = 70)").await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn posts_table() -> TableCreateStatement {
    Table::create()
        .table("posts")
        // Never reused, so that a late event cannot hit another post.
        .col(big_pk_auto("id"))
        .col(big_integer("version"))
        .col(big_integer("author_id"))
        // Empty once the author has deleted the post.
        .col(text_null("title"))
        .col(text_null("content"))
        .col(text_null("image_name"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(timestamp_with_time_zone_null("removed_at"))
        // The version of the moderation decision that removed_at follows.
        .col(big_integer("decision_version").default(0))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    Table::create()
        .table("post_counts")
        .col(big_integer("post_id").primary_key())
        .col(big_integer("version"))
        .col(big_integer("like_count"))
        .col(big_integer("comment_count"))
        .col(big_integer("view_count"))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    Table::create()
        .table("comments")
        .col(big_pk_auto("id"))
        .col(big_integer("version"))
        .col(big_integer("post_id"))
        .col(big_integer("author_id"))
        .col(text_null("content"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(timestamp_with_time_zone_null("removed_at"))
        .col(big_integer("decision_version").default(0))
        .to_owned()
}

fn likes_table() -> TableCreateStatement {
    Table::create()
        .table("likes")
        .col(big_integer("user_id"))
        .col(big_integer("post_id"))
        // Likes are never deleted: an inactive row keeps its version.
        .col(boolean("active"))
        .col(big_integer("version"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("user_id").col("post_id"))
        .to_owned()
}

fn users_table() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(big_integer("id").primary_key())
        // 0 in a row that was made from an access token before auth's first state arrived.
        .col(big_integer("version"))
        .col(boolean("deleted"))
        .col(text_null("username"))
        .col(boolean("blocked"))
        .col(big_integer("session_version"))
        .to_owned()
}
