//! Refresh tokens, as hashes.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A refresh token. A used one stays, so that its reuse is noticed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) session_id: i64,
    pub(crate) user_id: i64,
    /// The token that it was exchanged for.
    pub(crate) parent_id: Option<i64>,
    pub(crate) token_hash: String,
    pub(crate) issued_at: Timestamp,
    /// When it was first exchanged.
    pub(crate) used_at: Option<Timestamp>,
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
