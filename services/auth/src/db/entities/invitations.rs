//! Invitations, with which people register where registration is not open to everybody.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// An invitation. A registration holds it for a day, and uses it up when the address is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    /// The person who invites.
    pub(crate) user_id: i64,
    /// The hash of the code. The code itself is shown once, when the invitation is made.
    pub(crate) code_hash: String,
    /// The words by which the person who invites recognises it; may be empty.
    pub(crate) note: String,
    pub(crate) created_at: Timestamp,
    /// The end of an invitation that nobody uses.
    pub(crate) expires_at: Timestamp,
    /// The time until which a registration holds it; `None` when none has held it yet, or the last one that did has
    /// ended.
    pub(crate) held_until: Option<Timestamp>,
    /// The account that holds it, or has used it. `None` also when the registration made no account, because the
    /// address was known.
    pub(crate) guest_id: Option<i64>,
    /// When the guest confirmed the address.
    pub(crate) used_at: Option<Timestamp>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
