//! Mails: the parked ones as admins see them, and all of them as developers read them.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::mail_jobs::Model;
use crate::domain::mails;

/// A mail that was not delivered; neither its text nor an address.
#[derive(Serialize, ToSchema)]
pub(crate) struct ParkedMailOut {
    id: i64,
    /// The person it was for.
    user_id: UserId,
    /// The occasion.
    #[schema(example = "verification")]
    kind: String,
    /// How often it was tried.
    attempts: i64,
    /// The mail server's last answer, without addresses.
    #[schema(example = "permanent error (550): no such person")]
    reason: String,
    created_at: Timestamp,
}

impl From<Model> for ParkedMailOut {
    fn from(mail: Model) -> Self {
        Self {
            id: mail.id,
            user_id: UserId(mail.user_id),
            kind: mail.kind,
            attempts: mail.attempts,
            reason: mails::without_addresses(mail.last_error.as_deref().unwrap_or_default()),
            created_at: mail.created_at,
        }
    }
}

/// A page of mails that were not delivered.
#[derive(Serialize, ToSchema)]
pub(crate) struct ParkedMailsOut {
    pub(crate) mails: Vec<ParkedMailOut>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// A mail in the development mailbox, with everything that would have been sent.
#[derive(Serialize)]
pub(crate) struct MailOut {
    id: i64,
    to: String,
    subject: String,
    text: String,
    html: String,
    created_at: Timestamp,
}

impl From<Model> for MailOut {
    fn from(mail: Model) -> Self {
        Self {
            id: mail.id,
            to: mail.to_address,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            created_at: mail.created_at,
        }
    }
}

/// The development mailbox. It is no part of the described API.
#[derive(Serialize)]
pub(crate) struct MailboxOut {
    pub(crate) messages: Vec<MailOut>,
}
