//! Two columns that tell a removal from an author's deletion, and the counter that the total of comments is summed from.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, boolean_null};

use crate::db::entities::{comments, counts, posts};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Copies have these when their owner's next state comes, or after `chatty reconcile --fix`.
        let columns = [
            Table::alter().table(posts::Entity).add_column(boolean_null(posts::Column::Removed)).to_owned(),
            Table::alter().table(comments::Entity).add_column(boolean_null(comments::Column::Removed)).to_owned(),
            Table::alter()
                .table(counts::Entity)
                .add_column(big_integer(counts::Column::CommentCount).default(0))
                .to_owned(),
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
