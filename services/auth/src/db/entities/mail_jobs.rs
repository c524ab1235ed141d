//! The queue of outgoing mails. Sent and parked mails stay in the same table.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// The state of a mail that waits for the worker.
pub(crate) const QUEUED: &str = "queued";
/// The state of a mail that the mail server has accepted, or that lies in the development mailbox.
pub(crate) const SENT: &str = "sent";
/// The state of a mail that the worker has given up. An operator decides what becomes of it.
pub(crate) const PARKED: &str = "parked";

/// A mail to one person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) user_id: i64,
    /// The occasion, such as `verification`. A newer mail of the same kind to the same person replaces a queued one.
    pub(crate) kind: String,
    /// The address, as its owner wrote it.
    pub(crate) to_address: String,
    /// The unique form of the address, by which the development mailbox is searched.
    pub(crate) to_key: String,
    pub(crate) subject: String,
    /// The plain text. Emptied when the mail server has accepted the mail, because it holds the link.
    pub(crate) text: String,
    /// The same as HTML; emptied together with `text`.
    pub(crate) html: String,
    /// [`QUEUED`], [`SENT`] or [`PARKED`].
    pub(crate) state: String,
    /// The number of tries so far.
    pub(crate) attempts: i64,
    /// The earliest time of the next try. A worker that claims the mail moves this beyond the time that sending can
    /// take, so that no other worker sends it too.
    pub(crate) due_at: Timestamp,
    /// The reason why the last try failed.
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) sent_at: Option<Timestamp>,
    /// The number of 5xx answers in a row.
    pub(crate) refusals: i64,
    /// The time of the first of these refusals.
    pub(crate) refused_since: Option<Timestamp>,
    /// The number of times that the text was sent and no answer came, so that the server may have the mail.
    pub(crate) unsettled: i64,
    /// When the worker stops trying. `None`: a day after `created_at`.
    pub(crate) give_up_at: Option<Timestamp>,
    /// The address at which a single POST ends mails of this kind (RFC 8058); `None` for mails that people need.
    pub(crate) unsubscribe_url: Option<String>,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
