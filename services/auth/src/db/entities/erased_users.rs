//! Accounts that were erased. Only id and version are left, because the copies in other services have to learn of the
//! erasure, and no id may be assigned again (rule R6 in docs/convergence.md).

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erased_users")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    /// One more than the last version of the account.
    pub(crate) version: i64,
    pub(crate) erased_at: Timestamp,
    /// One more than the last session version of a member's account, so that all its tokens are refused; 0 for an
    /// account whose owner never became a member.
    pub(crate) session_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
