//! An index that finds the comments of a person: an erasure looks whether any is left.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create().name("ix_comments_author_id").table("comments").col("author_id").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
