//! Signing keys that have followed the one in the key file. The private parts are encrypted under a key that is derived
//! from that file, so a copy of the database alone signs nothing.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A signing key, or an operator's request for one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) requested_at: Timestamp,
    /// True when the key is used at once and ends all earlier ones, because one of them was stolen.
    pub(crate) at_once: bool,
    /// The id of the key; `None` until a replica has made it.
    pub(crate) kid: Option<String>,
    /// The private key, encrypted.
    pub(crate) sealed: Option<Vec<u8>>,
    /// The time from which the key is used; `None` until a replica has made it.
    pub(crate) used_from: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
