//! Rate limits that replicas share and that survive a restart: one row for each key that was used recently.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "limits")]
pub(crate) struct Model {
    /// The limit and the thing that it limits, such as `mail:ann@example.org`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key: String,
    /// The time at which the whole burst is available again, in microseconds since the Unix epoch. A number, because
    /// the statement computes with it, and the databases have no arithmetic on times in common.
    pub(crate) full_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
