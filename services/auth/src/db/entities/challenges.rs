//! Logins with the right password that wait for the second factor.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A login that waits for the second factor. The row is deleted when the factor was right.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "challenges")]
pub(crate) struct Model {
    /// SHA-256 of the token that the client got, as base64url.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token_hash: String,
    pub(crate) user_id: i64,
    /// The session version of the account at the login: a block or a reset of the password raises it and so makes the
    /// challenge invalid.
    pub(crate) session_version: i64,
    pub(crate) expires_at: Timestamp,
    /// The number of codes that were tried.
    pub(crate) guesses: i64,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
