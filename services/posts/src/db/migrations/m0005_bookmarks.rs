//! The table of bookmarks, and the index by which a person's own comments are listed.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("bookmarks")
            .col(big_integer("user_id"))
            .col(big_integer("post_id"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().col("user_id").col("post_id"))
            .to_owned();
        manager.create_table(table).await?;
        let by_time = Index::create()
            .name("ix_bookmarks_time")
            .table("bookmarks")
            .col("user_id")
            .col("created_at")
            .col("post_id")
            .to_owned();
        manager.create_index(by_time).await?;
        let own = Index::create().name("ix_comments_author").table("comments").col("author_id").col("id").to_owned();
        manager.create_index(own).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
