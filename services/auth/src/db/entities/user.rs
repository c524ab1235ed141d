//! People.

use sea_orm::entity::prelude::*;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::ids::UserId;

/// A person. `email` and `password_hash` never leave the service, except the address in one's own profile.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) username: String,
    /// Lower case; unique.
    pub(crate) username_key: String,
    pub(crate) email: String,
    /// Lower case; unique.
    pub(crate) email_key: String,
    pub(crate) password_hash: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    /// Search keys, computed here so that both databases agree; empty when there is no name.
    pub(crate) first_name_key: String,
    pub(crate) last_name_key: String,
    pub(crate) full_name_key: String,
    pub(crate) role: String,
    /// Whether the address is known to be the person's.
    pub(crate) verified_at: Option<Timestamp>,
    /// An admin's decision; apart from `verified_at`, so that no verification can undo it.
    pub(crate) blocked_at: Option<Timestamp>,
    /// The version of the newest decision that was applied; 0: none.
    pub(crate) decision_version: i64,
    /// Access tokens of an older one are refused.
    pub(crate) session_version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Model {
    /// The id as a type of its own.
    pub(crate) fn user_id(&self) -> UserId {
        UserId(self.id)
    }

    /// What the person may do.
    pub(crate) fn role(&self) -> Role {
        Role::from_stored(&self.role)
    }

    /// Verified and not blocked.
    pub(crate) fn is_active(&self) -> bool {
        self.verified_at.is_some() && self.blocked_at.is_none()
    }
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
