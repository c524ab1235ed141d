//! The accounts: who a person is, how they log in, and what an admin has decided about them.

use sea_orm::entity::prelude::*;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::ids::UserId;

/// An account. The password hash never leaves the service; the address is sent to its owner only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    /// Rises by one with every change that other services learn of.
    pub(crate) version: i64,
    /// As it was registered; it never changes.
    pub(crate) username: String,
    /// The username in lower case; unique.
    pub(crate) username_key: String,
    /// As it was registered; mails are sent here.
    pub(crate) email: String,
    /// The form of the address that all spellings of one mailbox share; unique among the verified accounts.
    pub(crate) email_key: String,
    /// An argon2id hash in PHC format.
    pub(crate) password_hash: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    /// The search key of the first name; empty without one. The three search keys are computed by the service, because
    /// the two databases fold case differently.
    pub(crate) first_name_key: String,
    /// The search key of the last name; empty without one.
    pub(crate) last_name_key: String,
    /// The search key of both names together; empty without any.
    pub(crate) full_name_key: String,
    /// The name of a [`Role`].
    pub(crate) role: String,
    /// When the person proved that they read the mails sent to `email`.
    pub(crate) verified_at: Option<Timestamp>,
    /// When the account ends unless its owner becomes a member before; `None` for a member.
    pub(crate) expires_at: Option<Timestamp>,
    /// When an admin blocked the account. A column of its own, so that a verification cannot undo a block.
    pub(crate) blocked_at: Option<Timestamp>,
    /// The version of the newest moderation decision that was applied; 0 before the first.
    pub(crate) decision_version: i64,
    /// Rises with every block, with every reset of the password, and when all sessions are ended for another reason.
    /// Access tokens that carry a lower number are refused.
    pub(crate) session_version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// When the person turned two-factor sign-in on; `None` while it is off.
    pub(crate) second_factor_at: Option<Timestamp>,
    /// When a person about whom an admin has to decide confirmed the address; `None` for everybody else.
    pub(crate) waits_since: Option<Timestamp>,
    /// The person's own words to the admin who decides; `None` when nobody has to decide.
    pub(crate) application: Option<String>,
    /// When the next digest of notifications is due; `None` while the person wants none.
    pub(crate) digest_at: Option<Timestamp>,
    /// The time from which on the next digest tells of notifications.
    pub(crate) digest_since: Option<Timestamp>,
}

impl Model {
    /// Returns the id as its own type.
    pub(crate) fn user_id(&self) -> UserId {
        UserId(self.id)
    }

    /// Returns the role, which decides what the person may do.
    pub(crate) fn role(&self) -> Role {
        Role::from_stored(&self.role)
    }

    /// True when the owner has not become a member in time. The account counts as gone from then on, even while its row
    /// is still there.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// True when the address is verified, and no admin has to decide about the person any more. Other services see a
    /// member as verified, and everybody else as not verified.
    pub(crate) fn is_member(&self) -> bool {
        self.verified_at.is_some() && self.waits_since.is_none()
    }

    /// True for a member who is not blocked: the person can log in, and others can see the profile.
    pub(crate) fn is_active(&self) -> bool {
        self.is_member() && self.blocked_at.is_none()
    }
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
