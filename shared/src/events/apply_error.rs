//! The error of applying states. Its variant decides whether a consumer retries the batch or parks the message as a
//! dead letter.

use sea_orm::DbErr;

use crate::db::{self, CommitError};
use crate::outbox::PublishError;

/// The reasons why states could not be applied. The text is the cause, for the log and for the dead letter.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The same batch may succeed later: the database is away, a deadlock, a timeout. The batch is retried without end.
    #[error("{0}")]
    Transient(String),
    /// The data itself is at fault, so no retry can help. The message is parked.
    #[error("{0}")]
    Permanent(String),
    /// It is not known whether a retry can help. A consumer retries a few times and then parks the message.
    #[error("{0}")]
    Unknown(String),
}

impl From<DbErr> for ApplyError {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if db::is_transient(&error) {
            Self::Transient(text)
        } else if db::is_permanent(&error) {
            Self::Permanent(text)
        } else {
            Self::Unknown(text)
        }
    }
}

impl From<CommitError> for ApplyError {
    fn from(error: CommitError) -> Self {
        // A commit of unknown outcome is retried too: applying is idempotent, because states carry versions (rule R5).
        Self::Transient(error.to_string())
    }
}

impl From<PublishError> for ApplyError {
    fn from(error: PublishError) -> Self {
        match error {
            // Both pass: a full outbox drains, and a stopped owner publishes again once it is restored (ADR 15).
            PublishError::Full | PublishError::Withheld(_) => Self::Transient(error.to_string()),
            PublishError::Encode(error) => Self::Permanent(error.to_string()),
        }
    }
}
