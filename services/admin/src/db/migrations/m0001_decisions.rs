//! Decisions, the audit log, and the copies of users, posts, comments and counters.

use sea_orm::DbErr;
use sea_orm_migration::prelude::{
    ColumnDef, DeriveMigrationName, Index, IntoIden, MigrationTrait, SchemaManager, Table, TableCreateStatement,
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

fn big(column: impl IntoIden) -> ColumnDef {
    let mut definition = ColumnDef::new(column);
    definition.big_integer().not_null();
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

fn decisions_table() -> TableCreateStatement {
    use decisions::Column as C;
    Table::create()
        .table(decisions::Entity)
        .col(text(C::Kind).not_null())
        .col(big(C::TargetId))
        .col(big(C::Version))
        // Blocked, or removed.
        .col(flag(C::Hidden))
        .col(text(C::Reason))
        .col(big(C::ActorId))
        .col(time(C::CreatedAt).not_null())
        .col(time(C::UpdatedAt).not_null())
        .primary_key(Index::create().col(C::Kind).col(C::TargetId))
        .to_owned()
}

fn audit_table() -> TableCreateStatement {
    use audit::Column as C;
    Table::create()
        .table(audit::Entity)
        .col(big(C::Id).auto_increment().primary_key())
        .col(time(C::At).not_null())
        .col(big(C::ActorId))
        .col(text(C::ActorUsername).not_null())
        .col(text(C::Action).not_null())
        .col(text(C::TargetKind).not_null())
        .col(big(C::TargetId))
        .col(text(C::Reason))
        .col(text(C::RequestId).not_null())
        .col(text(C::Result).not_null())
        .to_owned()
}

// The copies have no constraint but their key: their rows come in any order.

fn users_table() -> TableCreateStatement {
    use users::Column as C;
    Table::create()
        .table(users::Entity)
        .col(big(C::Id).primary_key())
        .col(big(C::Version))
        .col(flag(C::Deleted))
        .col(text(C::Username))
        .col(text(C::Role))
        .col(time(C::CreatedAt))
        .col(flag(C::Verified))
        .col(flag(C::Blocked))
        .col(big(C::SessionVersion))
        .to_owned()
}

fn posts_table() -> TableCreateStatement {
    use posts::Column as C;
    Table::create()
        .table(posts::Entity)
        .col(big(C::Id).primary_key())
        .col(big(C::Version))
        .col(flag(C::Deleted))
        .col(time(C::CreatedAt))
        .to_owned()
}

fn comments_table() -> TableCreateStatement {
    use comments::Column as C;
    Table::create()
        .table(comments::Entity)
        .col(big(C::Id).primary_key())
        .col(big(C::Version))
        .col(flag(C::Deleted))
        .to_owned()
}

fn counts_table() -> TableCreateStatement {
    use counts::Column as C;
    Table::create()
        .table(counts::Entity)
        .col(big(C::Id).primary_key())
        .col(big(C::Version))
        .col(big(C::LikeCount))
        .to_owned()
}
