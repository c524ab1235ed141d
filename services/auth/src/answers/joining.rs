//! The ways to join: the mode of registration, one's own invitations, and the applicants as admins see them.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::invitations::Model as Invitation;
use crate::db::entities::users::Model as User;
use crate::domain::InvitationId;

/// The way in which people join.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegistrationOut {
    /// `open`: everybody; `invite`: with the code of an invitation; `approval`: an administrator decides; `closed`: nobody.
    #[schema(example = "open")]
    pub(crate) registration: &'static str,
}

/// An invitation of one's own, without its code.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationOut {
    id: InvitationId,
    /// By which one recognises it.
    #[schema(example = "for my sister")]
    note: String,
    created_at: Timestamp,
    /// The end of an invitation that nobody uses.
    expires_at: Timestamp,
    /// When the guest joined; `null` before.
    used_at: Option<Timestamp>,
    /// The guest who joined; `null` before, and after the guest has left.
    guest_id: Option<UserId>,
}

impl From<Invitation> for InvitationOut {
    fn from(invitation: Invitation) -> Self {
        Self {
            id: InvitationId(invitation.id),
            note: invitation.note,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            used_at: invitation.used_at,
            // Before the guest has confirmed the address, the person who invites learns nothing about the guest.
            guest_id: invitation.guest_id.filter(|_| invitation.used_at.is_some()).map(UserId),
        }
    }
}

/// A new invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewInvitationOut {
    invitation: InvitationOut,
    /// Is told once. The guest sends it with the registration.
    code: String,
}

impl NewInvitationOut {
    /// Builds the answer from an invitation and its code.
    pub(crate) fn new(invitation: Invitation, code: &SecretString) -> Self {
        Self { invitation: invitation.into(), code: code.expose_secret().to_owned() }
    }
}

/// One's own invitations.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationsOut {
    pub(crate) invitations: Vec<InvitationOut>,
}

/// A person who has confirmed an address and waits for a decision.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicantOut {
    id: UserId,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// The person's own words.
    application: Option<String>,
    registered_at: Timestamp,
    /// When the address was confirmed.
    waits_since: Option<Timestamp>,
    /// When the account ends unless somebody decides before.
    expires_at: Option<Timestamp>,
}

impl From<User> for ApplicantOut {
    fn from(user: User) -> Self {
        Self {
            id: user.user_id(),
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            application: user.application,
            registered_at: user.created_at,
            waits_since: user.waits_since,
            expires_at: user.expires_at,
        }
    }
}

/// A page of applicants.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicantsOut {
    pub(crate) applicants: Vec<ApplicantOut>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}
