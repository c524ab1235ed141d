//! The table of the recounts that follow when a person becomes hidden or visible again, and the indexes by which the
//! people and their posts are found.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{big_integer, boolean, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(recounts_table()).await?;
        // Finds the posts that a person has commented on. The primary key of `likes` finds those that the person likes.
        let index =
            Index::create().name("ix_comments_author_id").table("comments").col("author_id").col("post_id").to_owned();
        manager.create_index(index).await?;
        // Partial, because few people among all are hidden.
        let sql = "CREATE INDEX ix_users_hidden ON users (id) WHERE deleted OR blocked";
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn recounts_table() -> TableCreateStatement {
    Table::create()
        .table("recounts")
        .col(big_integer("user_id").primary_key())
        // True when the person's likes and comments are left out of the counters, or are about to be.
        .col(boolean("hidden"))
        // The last post that the current round has counted.
        .col(big_integer("after_post"))
        .col(big_integer("rounds"))
        // Empty when nothing is left to do.
        .col(timestamp_with_time_zone_null("due_at"))
        .to_owned()
}
