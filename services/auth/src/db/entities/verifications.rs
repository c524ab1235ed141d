//! The verification links: at most one for each account.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// The newest verification link of an account. A new link replaces the row, which makes the old link invalid.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
    /// The address that the link proves, in its unique form.
    pub(crate) email_key: String,
    /// SHA-256 of the token in the link, as base64url.
    pub(crate) token_hash: String,
    pub(crate) expires_at: Timestamp,
    /// When the link was used. The row stays, so that opening the link a second time answers the same success.
    pub(crate) used_at: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
