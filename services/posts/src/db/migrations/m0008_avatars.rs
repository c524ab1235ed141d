//! The avatars of people, which are pictures that no post has.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::boolean;

const INDEXES: [&str; 3] = [
    // Avatars wait for no post, so they leave the index of the pictures that do.
    "DROP INDEX ix_pictures_unused",
    "CREATE INDEX ix_pictures_unused ON pictures (created_at) WHERE post_id IS NULL AND NOT is_avatar",
    "CREATE UNIQUE INDEX uq_pictures_avatar ON pictures (owner_id) WHERE is_avatar",
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("is_avatar").default(false).to_owned();
        manager.alter_table(Table::alter().table("pictures").add_column(column).to_owned()).await?;
        for sql in INDEXES {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
