//! Recovery codes, stored as hashes.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A code that replaces the second factor once.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_codes")]
pub(crate) struct Model {
    /// SHA-256 of the account's id and the code, as base64url.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) code_hash: String,
    pub(crate) user_id: i64,
    pub(crate) used_at: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
