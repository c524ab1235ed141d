//! Reserved usernames: each was registered with an address that belongs to another account.
//!
//! A reservation behaves towards strangers like an account that waits for its verification. Without it, the answers to
//! a login or to a second registration would tell which addresses are known (ADR 7).

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// A reserved username. It never becomes an account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservations")]
pub(crate) struct Model {
    /// The username in lower case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) username_key: String,
    /// The hash of the password that came with the registration: a login with it answers "Account not verified".
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
