//! Requests to a service: a copy asks an owner for states, and an operator asks a copy to forget rows or an owner to
//! count again.
//!
//! A request is a message in the durable queue `SERVICE.resync.v1`. Services send it through their outbox like an event,
//! so it is delivered at least once; an operator's command publishes it with a confirm, or stores it in an outbox in the
//! one-process form (ADR 3). Serving a request twice is harmless, because copies merge by version (rule R5 in
//! docs/convergence.md).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::apply_error::ApplyError;
use super::topology;
use crate::outbox::{Key, OutboxMessage};
use crate::work::{Db, Tx, send_message};

/// A request in a service's resync queue. In JSON the variants are told apart by their fields; docs/events.md describes
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// For a copy: delete these rows if they still have these versions, then ask the owner for their states.
    Forget {
        /// The stream of the copy.
        stream: String,
        /// The keys of the rows, with the versions that were observed.
        forget: Vec<(Key, i64)>,
    },
    /// For the owner: count again for these aggregates, and publish the counters that were wrong.
    Recount {
        /// The stream of the counters.
        stream: String,
        /// The keys of the counters.
        recount: Vec<Key>,
    },
    /// For the owner: send the states of these keys, or of the whole stream, to this queue.
    Resend {
        /// The stream of the states.
        stream: String,
        /// The queue that the states are sent to.
        queue: String,
        /// The keys of the states; `None` asks for the whole stream.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ids: Option<Vec<Key>>,
    },
}

impl Request {
    /// Encodes the request as a message for the resync queue of `service`, with a new message id.
    ///
    /// # Errors
    /// Never in practice: the request is plain data.
    pub fn to_message(&self, service: &str) -> Result<OutboxMessage, serde_json::Error> {
        Ok(OutboxMessage {
            // The message has no row in an outbox yet.
            id: 0,
            message_id: Uuid::now_v7().to_string(),
            stream: "resync".to_owned(),
            target: Some(topology::resync_queue(service)),
            payload: serde_json::to_vec(self)?,
        })
    }
}

/// Stores a request to `service` in the outbox of `db`, from where the sweep of a running service publishes it. The
/// operator's commands use it in the one-process form, whose broker cannot be reached from another process (ADR 3).
///
/// # Errors
/// [`ApplyError`] when it is not certain that the request is stored.
pub async fn enqueue(db: &Db, service: &str, request: &Request) -> Result<(), ApplyError> {
    let mut tx = db.begin().await?;
    write_request(&mut tx, service, request)?;
    Ok(tx.commit().await?)
}

/// Writes a request to `service` into the outbox, as a part of the transaction.
///
/// # Errors
/// Never in practice: the request is plain data.
pub(super) fn write_request(tx: &mut Tx, service: &str, request: &Request) -> Result<(), ApplyError> {
    let message = request.to_message(service).map_err(|error| ApplyError::Permanent(error.to_string()))?;
    send_message(tx, message.message_id, &message.stream, message.target.as_deref(), message.payload);
    Ok(())
}
