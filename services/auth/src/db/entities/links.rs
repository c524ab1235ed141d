//! Links in mails, each for one purpose. The mail holds the token, this table only its hash.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub(crate) struct Model {
    /// SHA-256 of the token in the link, as base64url.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token_hash: String,
    /// The name of a [`crate::domain::link::Purpose`].
    pub(crate) purpose: String,
    pub(crate) user_id: i64,
    /// The address that the link was sent to and so proves, in its unique form.
    pub(crate) email_key: String,
    /// The same address as it was typed, for a link that makes it the address of the account; else `None`.
    pub(crate) address: Option<String>,
    pub(crate) expires_at: Timestamp,
    /// When the link was used. The row stays, so that opening the link a second time answers the same success.
    pub(crate) used_at: Option<Timestamp>,
    /// The keyed hash of the code in the same mail, for a person who reads the mail on another device. `None` for a
    /// link without a code.
    pub(crate) code_hash: Option<String>,
    /// The number of codes that were tried.
    pub(crate) guesses: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
