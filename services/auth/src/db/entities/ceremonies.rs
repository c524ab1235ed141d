//! Ceremonies with passkeys (registrations and sign-ins) that wait for the browser's answer.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A ceremony that waits for the browser's answer. The first answer deletes the row, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ceremonies")]
pub(crate) struct Model {
    /// SHA-256 of the token that the client got, as base64url.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) token_hash: String,
    /// The kind of the ceremony: `making`, `sign_in` or `second_factor`.
    pub(crate) kind: String,
    /// The person; `None` while it is not known who signs in.
    pub(crate) user_id: Option<i64>,
    /// The session version of the account when the ceremony began; `None` without a person.
    pub(crate) session_version: Option<i64>,
    /// The user handle of a passkey that is being made.
    pub(crate) user_handle: Option<String>,
    /// The name of a passkey that is being made.
    pub(crate) name: Option<String>,
    /// The state with which the library compares the answer, as JSON.
    pub(crate) state: String,
    pub(crate) expires_at: Timestamp,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
