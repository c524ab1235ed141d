//! Posts, counters, comments, likes, and the copy of users.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::prelude::{
    ColumnDef, DeriveMigrationName, Index, IntoIden, MigrationTrait, SchemaManager, Table, TableCreateStatement,
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

fn big(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.big_integer().not_null();
    definition
}

fn time(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.timestamp_with_time_zone();
    definition
}

fn posts_table() -> TableCreateStatement {
    use posts::Column as C;
    Table::create()
        .table(posts::Entity)
        // Never reused, so that a late event cannot hit another post.
        .col(big(C::Id).auto_increment().primary_key())
        .col(big(C::Version))
        .col(big(C::AuthorId))
        // Empty once the author has deleted the post.
        .col(ColumnDef::new(C::Title).text())
        .col(ColumnDef::new(C::Content).text())
        .col(ColumnDef::new(C::ImageName).text())
        .col(time(C::CreatedAt).not_null())
        .col(time(C::UpdatedAt).not_null())
        .col(time(C::DeletedAt))
        .col(time(C::RemovedAt))
        // The version of the moderation decision that removed_at follows.
        .col(big(C::DecisionVersion).default(0))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big(C::PostId).primary_key())
        .col(big(C::Version))
        .col(big(C::LikeCount))
        .col(big(C::CommentCount))
        .col(big(C::ViewCount))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    use comments::Column as C;
    Table::create()
        .table(comments::Entity)
        .col(big(C::Id).auto_increment().primary_key())
        .col(big(C::Version))
        .col(big(C::PostId))
        .col(big(C::AuthorId))
        .col(ColumnDef::new(C::Content).text())
        .col(time(C::CreatedAt).not_null())
        .col(time(C::UpdatedAt).not_null())
        .col(time(C::DeletedAt))
        .col(time(C::RemovedAt))
        .col(big(C::DecisionVersion).default(0))
        .to_owned()
}

fn likes_table() -> TableCreateStatement {
    use likes::Column as C;
    Table::create()
        .table(likes::Entity)
        .col(big(C::UserId))
        .col(big(C::PostId))
        // Likes are never deleted: an inactive row keeps its version.
        .col(ColumnDef::new(C::Active).boolean().not_null())
        .col(big(C::Version))
        .col(time(C::CreatedAt).not_null())
        .primary_key(Index::create().col(C::UserId).col(C::PostId))
        .to_owned()
}

fn users_table() -> TableCreateStatement {
    use users::Column as C;
    Table::create()
        .table(users::Entity)
        .col(big(C::Id).primary_key())
        // 0: taken from a token, before auth's state has arrived.
        .col(big(C::Version))
        .col(ColumnDef::new(C::Deleted).boolean().not_null())
        .col(ColumnDef::new(C::Username).text())
        .col(ColumnDef::new(C::Blocked).boolean().not_null())
        .col(big(C::SessionVersion))
        .to_owned()
}
