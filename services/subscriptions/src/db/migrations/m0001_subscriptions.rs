//! Subscriptions, and the copies of users, posts and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    ColumnDef, DeriveMigrationName, Index, IntoIden, MigrationTrait, SchemaManager, Table, TableCreateStatement,
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

fn big(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.big_integer();
    definition
}

fn text(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.text();
    definition
}

fn time(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.timestamp_with_time_zone();
    definition
}

fn flag(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.boolean().not_null();
    definition
}

fn subscriptions_table() -> TableCreateStatement {
    use subscriptions::Column as C;
    Table::create()
        .table(subscriptions::Entity)
        .col(big(C::FollowerId).not_null())
        .col(big(C::FolloweeId).not_null())
        .col(flag(C::Active))
        .col(big(C::Version).not_null())
        .col(time(C::CreatedAt).not_null())
        .primary_key(Index::create().col(C::FollowerId).col(C::FolloweeId))
        .to_owned()
}

// The copies have no constraint but their key: their rows come in any order.

fn users_table() -> TableCreateStatement {
    use users::Column as C;
    Table::create()
        .table(users::Entity)
        .col(big(C::Id).not_null().primary_key())
        .col(big(C::Version).not_null())
        .col(flag(C::Deleted))
        .col(text(C::Username))
        .col(text(C::FirstName))
        .col(text(C::LastName))
        .col(text(C::Bio))
        .col(time(C::CreatedAt))
        .col(flag(C::Verified))
        .col(flag(C::Blocked))
        .col(big(C::SessionVersion).not_null())
        .to_owned()
}

fn posts_table() -> TableCreateStatement {
    use posts::Column as C;
    Table::create()
        .table(posts::Entity)
        .col(big(C::Id).not_null().primary_key())
        .col(big(C::Version).not_null())
        .col(flag(C::Deleted))
        .col(big(C::AuthorId))
        .col(text(C::Title))
        .col(text(C::Content))
        .col(text(C::ImageUrl))
        .col(time(C::CreatedAt))
        .col(time(C::UpdatedAt))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big(C::Id).not_null().primary_key())
        .col(big(C::Version).not_null())
        .col(big(C::LikeCount).not_null())
        .col(big(C::CommentCount).not_null())
        .col(big(C::ViewCount).not_null())
        .to_owned()
}
