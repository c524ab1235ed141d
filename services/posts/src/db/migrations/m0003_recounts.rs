//! Counters are counted again when somebody's likes and comments are hidden or shown: what is left to do, and the indexes
//! that find it.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{big_integer, boolean, timestamp_with_time_zone_null};

use crate::db::entities::{comments, recounts};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(recounts_table()).await?;
        // The posts that a person has commented; those that a person likes are found by the key of the likes.
        let index = Index::create()
            .name("ix_comments_author_id")
            .table(comments::Entity)
            .col(comments::Column::AuthorId)
            .col(comments::Column::PostId)
            .to_owned();
        manager.create_index(index).await?;
        // The few who are hidden, among all people.
        let sql = "CREATE INDEX ix_users_hidden ON users (id) WHERE deleted OR blocked";
        manager.get_connection().execute_unprepared(sql).await.map(|_| ())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn recounts_table() -> TableCreateStatement {
    use recounts::Column as C;
    Table::create()
        .table(recounts::Entity)
        .col(big_integer(C::UserId).primary_key())
        // How the person's likes and comments are counted, or are about to be.
        .col(boolean(C::Hidden))
        // The round has got as far as this post.
        .col(big_integer(C::AfterPost))
        .col(big_integer(C::Rounds))
        // Empty: nothing is left to do.
        .col(timestamp_with_time_zone_null(C::DueAt))
        .to_owned()
}
