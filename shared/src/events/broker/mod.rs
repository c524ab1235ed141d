//! The broker: a trait with two implementations. Nothing else knows which one is in use.

pub mod local;
pub mod rabbit;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use super::outbox::OutboxMessage;
use crate::db::Db;

pub use local::LocalBroker;
pub use rabbit::{QueueState, RabbitBroker};

/// Why the broker did not do it. The message stays where it is and is tried again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct BrokerError {
    text: String,
    unroutable: bool,
    refused: bool,
}

impl BrokerError {
    /// A failure that may pass.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), unroutable: false, refused: false }
    }

    /// The broker is well, but no queue takes the message.
    pub fn unroutable(text: impl Into<String>) -> Self {
        Self { text: text.into(), unroutable: true, refused: false }
    }

    /// Whether only this message is affected.
    pub fn is_unroutable(&self) -> bool {
        self.unroutable
    }

    /// Whether the broker does not know this process's user, password or virtual host.
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}

impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> Self {
        let refused = match error.kind() {
            ErrorKind::ProtocolError(error) => match error.kind() {
                AMQPErrorKind::Soft(kind) => *kind == AMQPSoftError::ACCESSREFUSED,
                // RabbitMQ says the same when too many are connected already, which passes.
                AMQPErrorKind::Hard(kind) => {
                    *kind == AMQPHardError::NOTALLOWED && !error.get_message().as_str().contains("limit")
                }
            },
            _ => false,
        };
        Self { refused, ..Self::new(error.to_string()) }
    }
}

/// A message that was taken from a queue and is not acknowledged yet.
pub struct Delivery {
    /// The message.
    pub payload: Vec<u8>,
    /// How to acknowledge it.
    pub(crate) receipt: Receipt,
}

/// How a delivery is acknowledged. Dropping it unused makes the message come again.
pub(crate) enum Receipt {
    /// Tells the local broker that the consumer has committed.
    Local(tokio::sync::oneshot::Sender<()>),
    /// RabbitMQ's.
    Rabbit(Box<lapin::message::Delivery>),
}

/// A message that could not be applied.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeadLetter {
    /// How the operator names it: unique within the queue.
    pub id: String,
    /// The queue it was taken from.
    pub queue: String,
    /// Why it could not be applied.
    pub reason: String,
    /// The message, as text where it is text.
    pub payload: String,
}

/// What to do with a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Put it back into its queue.
    Redrive,
    /// Throw it away.
    Drop,
}

/// Carries messages from outboxes to consumers.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Declares what is missing of the queues and bindings. A queue that was missing asks its owner for everything.
    async fn declare(&self) -> Result<(), BrokerError>;

    /// Publishes a batch and waits for all confirms: for each message, whether it is safe with every queue it goes to.
    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>>;

    /// Opens a queue for consumption. `db` is the consumer's own, for what must be parked there.
    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError>;

    /// Hands applied states to the other replicas of `service`, best effort.
    async fn broadcast(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError>;

    /// What the other replicas of `service` broadcast, from now on. The stream ends when the connection is lost.
    async fn listen(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError>;

    /// Tells the running replicas of `service` something about a comparison, best effort: nothing is kept for one that is
    /// not there.
    async fn tell(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError>;

    /// The messages that services tell `service` from now on, in each of its replicas. The stream ends with the connection.
    async fn hear(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError>;

    /// Answers whether `service` could be at the other end at all.
    fn reaches(&self, _service: &str) -> bool {
        true
    }

    /// The dead letters of a queue, oldest first, at most 1 000.
    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError>;

    /// How many dead letters a queue has.
    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError>;

    /// Redrives or drops the dead letters of a queue that `ids` names; `None` names all. Answers how many.
    async fn settle(&self, queue: &str, ids: Option<&[String]>, verdict: Verdict, db: &Db) -> Result<u64, BrokerError>;

    /// Connects, if there is something to connect to.
    async fn admit(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    /// Whether it is reachable.
    async fn is_up(&self) -> bool;
}

/// An open queue.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits for a delivery, then takes what is ready, at most `max`. `None`: the queue is lost, open it again.
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>>;

    /// Acknowledges deliveries, all of which came from this subscription, in order and without gaps.
    async fn ack(&mut self, deliveries: Vec<Delivery>);

    /// Puts a copy of the message aside with a reason. The delivery still has to be acknowledged.
    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError>;
}
