//! The copies. Content columns are nullable, because a tombstone keeps only its key and version.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, text_null, timestamp_with_time_zone_null};

use crate::db::entities::{counts, likes, posts, users};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table(users::Entity)
            .col(big_integer(users::Column::Id).primary_key())
            .col(big_integer(users::Column::Version))
            .col(boolean(users::Column::Deleted))
            .col(boolean(users::Column::Blocked))
            .col(big_integer(users::Column::SessionVersion))
            .col(text_null(users::Column::Username))
            .col(text_null(users::Column::FirstName))
            .col(text_null(users::Column::LastName))
            .col(text_null(users::Column::Bio))
            .col(timestamp_with_time_zone_null(users::Column::CreatedAt))
            .to_owned();
        let posts = Table::create()
            .table(posts::Entity)
            .col(big_integer(posts::Column::Id).primary_key())
            .col(big_integer(posts::Column::Version))
            .col(boolean(posts::Column::Deleted))
            .col(big_integer_null(posts::Column::AuthorId))
            .col(text_null(posts::Column::Title))
            .col(text_null(posts::Column::Content))
            .col(text_null(posts::Column::ImageUrl))
            .col(timestamp_with_time_zone_null(posts::Column::CreatedAt))
            .col(timestamp_with_time_zone_null(posts::Column::UpdatedAt))
            .to_owned();
        let counts = Table::create()
            .table(counts::Entity)
            .col(big_integer(counts::Column::Id).primary_key())
            .col(big_integer(counts::Column::Version))
            .col(big_integer(counts::Column::LikeCount))
            .col(big_integer(counts::Column::CommentCount))
            .col(big_integer(counts::Column::ViewCount))
            .to_owned();
        let likes = Table::create()
            .table(likes::Entity)
            .col(big_integer(likes::Column::UserId))
            .col(big_integer(likes::Column::PostId))
            .col(big_integer(likes::Column::Version))
            .col(boolean(likes::Column::Deleted))
            .primary_key(Index::create().col(likes::Column::UserId).col(likes::Column::PostId))
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
