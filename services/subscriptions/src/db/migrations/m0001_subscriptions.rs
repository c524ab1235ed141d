//! Subscriptions, and the copies of users, posts and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::db::entities::{counts, posts, subscriptions, users};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [subscriptions_table(), users_table(), posts_table(), counts_table()] {
            manager.create_table(table).await?;
        }
        // Followers of one person; posts of one author from new to old.
        let indexes = [
            Index::create()
                .name("ix_subscriptions_followee_id")
                .table(subscriptions::Entity)
                .col(subscriptions::Column::FolloweeId)
                .col(subscriptions::Column::FollowerId)
                .to_owned(),
            Index::create()
                .name("ix_posts_author_id")
                .table(posts::Entity)
                .col(posts::Column::AuthorId)
                .col(posts::Column::Id)
                .to_owned(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn subscriptions_table() -> TableCreateStatement {
    use subscriptions::Column as C;
    Table::create()
        .table(subscriptions::Entity)
        .col(big_integer(C::FollowerId))
        .col(big_integer(C::FolloweeId))
        .col(boolean(C::Active))
        .col(big_integer(C::Version))
        .col(timestamp_with_time_zone(C::CreatedAt))
        .primary_key(Index::create().col(C::FollowerId).col(C::FolloweeId))
        .to_owned()
}

// The copies have no constraint but their key: their rows come in any order.

fn users_table() -> TableCreateStatement {
    use users::Column as C;
    Table::create()
        .table(users::Entity)
        .col(big_integer(C::Id).primary_key())
        .col(big_integer(C::Version))
        .col(boolean(C::Deleted))
        .col(text_null(C::Username))
        .col(text_null(C::FirstName))
        .col(text_null(C::LastName))
        .col(text_null(C::Bio))
        .col(timestamp_with_time_zone_null(C::CreatedAt))
        .col(boolean(C::Verified))
        .col(boolean(C::Blocked))
        .col(big_integer(C::SessionVersion))
        .to_owned()
}

fn posts_table() -> TableCreateStatement {
    use posts::Column as C;
    Table::create()
        .table(posts::Entity)
        .col(big_integer(C::Id).primary_key())
        .col(big_integer(C::Version))
        .col(boolean(C::Deleted))
        .col(big_integer_null(C::AuthorId))
        .col(text_null(C::Title))
        .col(text_null(C::Content))
        .col(text_null(C::ImageUrl))
        .col(timestamp_with_time_zone_null(C::CreatedAt))
        .col(timestamp_with_time_zone_null(C::UpdatedAt))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big_integer(C::Id).primary_key())
        .col(big_integer(C::Version))
        .col(big_integer(C::LikeCount))
        .col(big_integer(C::CommentCount))
        .col(big_integer(C::ViewCount))
        .to_owned()
}
