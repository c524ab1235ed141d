//! An index on the names of pictures, by which the pictures are found that no post refers to.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create().name("ix_posts_image_name").table("posts").col("image_name").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
