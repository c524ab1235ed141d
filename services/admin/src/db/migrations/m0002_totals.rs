//! Two columns that tell an admin's removal from an author's deletion, and the counter whose sum is the total of
//! comments.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, boolean_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A row of a copy gets these values with its owner's next state, or by `chatty reconcile --fix`.
        let columns = [
            Table::alter().table("posts").add_column(boolean_null("removed")).to_owned(),
            Table::alter().table("comments").add_column(boolean_null("removed")).to_owned(),
            Table::alter().table("post_counts").add_column(big_integer("comment_count").default(0)).to_owned(),
        ];
        for column in columns {
            manager.alter_table(column).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
