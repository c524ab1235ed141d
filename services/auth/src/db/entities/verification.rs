//! The one verification link of a person that is valid.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A new link takes the place of the old one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: i64,
    /// The address that it proves.
    pub(crate) email_key: String,
    pub(crate) token_hash: String,
    pub(crate) expires_at: Timestamp,
    /// Kept after use, so that opening the link again answers the same.
    pub(crate) used_at: Option<Timestamp>,
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
