//! A username that was registered with an address of somebody else.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// No account, but to strangers it looks like one that waits for its verification. Otherwise registering would tell which
/// addresses are known.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservations")]
pub(crate) struct Model {
    /// Lower case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) username_key: String,
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
}

/// The table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
