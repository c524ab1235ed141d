//! Mails: waiting, sent, or given up.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// Waits for the worker.
pub(crate) const QUEUED: &str = "queued";
/// Accepted by the mail server, or put into the development mailbox.
pub(crate) const SENT: &str = "sent";
/// Given up; an operator has to look.
pub(crate) const PARKED: &str = "parked";

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: i64,
    pub(crate) kind: String,
    pub(crate) to_address: String,
    /// The address as the development mailbox is asked for it.
    pub(crate) to_key: String,
    pub(crate) subject: String,
    /// Emptied once the mail server has it, because it holds the link.
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) state: String,
    pub(crate) attempts: i64,
    /// When it may be tried; a worker that takes it moves this past the time it needs, so that no other takes it too.
    pub(crate) due_at: Timestamp,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) sent_at: Option<Timestamp>,
    /// How often in a row the server has refused it with 5xx, and since when.
    pub(crate) refusals: i64,
    pub(crate) refused_since: Option<Timestamp>,
    /// How often its text was sent without hearing whether it was taken.
    pub(crate) unsettled: i64,
    /// Until when it is put off; a day from `created_at` when absent.
    pub(crate) give_up_at: Option<Timestamp>,
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
