//! Decisions, the audit log, and the copies of users, posts, comments and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, boolean, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::db::entities::{audit, comments, counts, decisions, posts, users};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [decisions_table(), audit_table(), users_table(), posts_table(), comments_table(), counts_table()]
        {
            manager.create_table(table).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn decisions_table() -> TableCreateStatement {
    use decisions::Column as C;
    Table::create()
        .table(decisions::Entity)
        .col(text(C::Kind))
        .col(big_integer(C::TargetId))
        .col(big_integer(C::Version))
        // Blocked, or removed.
        .col(boolean(C::Hidden))
        .col(text_null(C::Reason))
        .col(big_integer(C::ActorId))
        .col(timestamp_with_time_zone(C::CreatedAt))
        .col(timestamp_with_time_zone(C::UpdatedAt))
        .primary_key(Index::create().col(C::Kind).col(C::TargetId))
        .to_owned()
}

fn audit_table() -> TableCreateStatement {
    use audit::Column as C;
    Table::create()
        .table(audit::Entity)
        .col(big_pk_auto(C::Id))
        .col(timestamp_with_time_zone(C::At))
        .col(big_integer(C::ActorId))
        .col(text(C::ActorUsername))
        .col(text(C::Action))
        .col(text(C::TargetKind))
        .col(big_integer(C::TargetId))
        .col(text_null(C::Reason))
        .col(text(C::RequestId))
        .col(text(C::Result))
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
        .col(text_null(C::Role))
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
        .col(timestamp_with_time_zone_null(C::CreatedAt))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    use comments::Column as C;
    Table::create()
        .table(comments::Entity)
        .col(big_integer(C::Id).primary_key())
        .col(big_integer(C::Version))
        .col(boolean(C::Deleted))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big_integer(C::Id).primary_key())
        .col(big_integer(C::Version))
        .col(big_integer(C::LikeCount))
        .to_owned()
}
