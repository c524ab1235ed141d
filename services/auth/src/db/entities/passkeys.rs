//! The passkeys of people.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A passkey. Nothing in the row is a secret: the private key never leaves the authenticator.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: i64,
    /// The random name of the person that authenticators store, the same for all passkeys of a person.
    pub(crate) user_handle: String,
    /// The authenticator's id of the passkey, as base64url; unique.
    pub(crate) credential_id: String,
    /// The name that the person has given it.
    pub(crate) name: String,
    /// The public key and everything else that the library stores of a passkey, as JSON.
    pub(crate) public_key: String,
    /// The signature counter of the last use; 0 for an authenticator that has none. A use with a lower counter shows
    /// that the passkey was copied.
    pub(crate) counter: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
