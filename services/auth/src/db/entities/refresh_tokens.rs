//! The refresh tokens of all sessions, stored as hashes.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A refresh token. Its row stays after use, because the second use of a token reveals a theft.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) session_id: i64,
    pub(crate) user_id: i64,
    /// The token that this one was issued for; `None` for the first token of a session.
    pub(crate) parent_id: Option<i64>,
    /// SHA-256 of the token, as base64url; unique.
    pub(crate) token_hash: String,
    pub(crate) issued_at: Timestamp,
    /// When the token was exchanged for its successor.
    pub(crate) used_at: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
