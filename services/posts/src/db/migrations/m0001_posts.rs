//! Posts, counters, comments, likes, and the copy of users.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, boolean, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};
use shared::db::is_postgres;

use crate::db::entities::{comments, counts, likes, posts, users};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [posts_table(), counts_table(), comments_table(), likes_table(), users_table()] {
            manager.create_table(table).await?;
        }
        // Pages of one author's posts, and of one post's comments and likes.
        let indexes = [
            Index::create()
                .name("ix_posts_author_id")
                .table(posts::Entity)
                .col(posts::Column::AuthorId)
                .col(posts::Column::Id)
                .to_owned(),
            Index::create()
                .name("ix_comments_post_id")
                .table(comments::Entity)
                .col(comments::Column::PostId)
                .col(comments::Column::Id)
                .to_owned(),
            Index::create()
                .name("ix_likes_post_id")
                .table(likes::Entity)
                .col(likes::Column::PostId)
                .col(likes::Column::UserId)
                .to_owned(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        if is_postgres(manager.get_connection()) {
            // Counters are updated all the time: room in the page keeps the updates off the index.
            manager.get_connection().execute_unprepared("ALTER TABLE post_counts SET (fillfactor = 70)").await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn posts_table() -> TableCreateStatement {
    use posts::Column as C;
    Table::create()
        .table(posts::Entity)
        // Never reused, so that a late event cannot hit another post.
        .col(big_pk_auto(C::Id))
        .col(big_integer(C::Version))
        .col(big_integer(C::AuthorId))
        // Empty once the author has deleted the post.
        .col(text_null(C::Title))
        .col(text_null(C::Content))
        .col(text_null(C::ImageName))
        .col(timestamp_with_time_zone(C::CreatedAt))
        .col(timestamp_with_time_zone(C::UpdatedAt))
        .col(timestamp_with_time_zone_null(C::DeletedAt))
        .col(timestamp_with_time_zone_null(C::RemovedAt))
        // The version of the moderation decision that removed_at follows.
        .col(big_integer(C::DecisionVersion).default(0))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big_integer(C::PostId).primary_key())
        .col(big_integer(C::Version))
        .col(big_integer(C::LikeCount))
        .col(big_integer(C::CommentCount))
        .col(big_integer(C::ViewCount))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    use comments::Column as C;
    Table::create()
        .table(comments::Entity)
        .col(big_pk_auto(C::Id))
        .col(big_integer(C::Version))
        .col(big_integer(C::PostId))
        .col(big_integer(C::AuthorId))
        .col(text_null(C::Content))
        .col(timestamp_with_time_zone(C::CreatedAt))
        .col(timestamp_with_time_zone(C::UpdatedAt))
        .col(timestamp_with_time_zone_null(C::DeletedAt))
        .col(timestamp_with_time_zone_null(C::RemovedAt))
        .col(big_integer(C::DecisionVersion).default(0))
        .to_owned()
}

fn likes_table() -> TableCreateStatement {
    use likes::Column as C;
    Table::create()
        .table(likes::Entity)
        .col(big_integer(C::UserId))
        .col(big_integer(C::PostId))
        // Likes are never deleted: an inactive row keeps its version.
        .col(boolean(C::Active))
        .col(big_integer(C::Version))
        .col(timestamp_with_time_zone(C::CreatedAt))
        .primary_key(Index::create().col(C::UserId).col(C::PostId))
        .to_owned()
}

fn users_table() -> TableCreateStatement {
    use users::Column as C;
    Table::create()
        .table(users::Entity)
        .col(big_integer(C::Id).primary_key())
        // 0: taken from a token, before auth's state has arrived.
        .col(big_integer(C::Version))
        .col(boolean(C::Deleted))
        .col(text_null(C::Username))
        .col(boolean(C::Blocked))
        .col(big_integer(C::SessionVersion))
        .to_owned()
}
