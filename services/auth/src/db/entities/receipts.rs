//! The receipts of erasures. Each stays for ever, like the tombstone of its account, and holds nothing about the person
//! but numbers.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// The receipt of the erasure of an account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
    /// SHA-256 of the token in the receipt's address, as base64url; unique.
    pub(crate) token_hash: String,
    pub(crate) erased_at: Timestamp,
    /// The numbers of things that this service has erased, by their kind, as a JSON object.
    pub(crate) counts: String,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
