//! The broker: the trait [`Broker`] with two implementations, RabbitMQ for the distributed form and an in-process
//! broker for the one-process form. The code that publishes and consumes does not know which one is in use.

pub mod local;
pub mod rabbit;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::outbox::OutboxMessage;
use crate::work::Db;

pub use local::LocalBroker;
pub use rabbit::{QueueState, RabbitBroker};

/// A failure of the broker. The message stays where it was, in the outbox or in the queue, and is sent or received
/// again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct BrokerError {
    text: String,
    unroutable: bool,
    refused: bool,
}

impl BrokerError {
    /// Creates an error that may pass.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), unroutable: false, refused: false }
    }

    /// Creates the error of a message that the broker returned because no queue is bound for it.
    pub fn unroutable(text: impl Into<String>) -> Self {
        Self { text: text.into(), unroutable: true, refused: false }
    }

    /// Returns true if no queue takes the message. The broker is well, and only this message is affected.
    pub fn is_unroutable(&self) -> bool {
        self.unroutable
    }

    /// Returns whether the broker refuses this process: it does not know the user, the password or the virtual host
    /// (ADR 20).
    pub fn is_refused(&self) -> bool {
        self.refused
    }
}

impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> Self {
        let refused = match error.kind() {
            ErrorKind::ProtocolError(error) => match error.kind() {
                // 403: an unknown user or a wrong password.
                AMQPErrorKind::Soft(kind) => *kind == AMQPSoftError::ACCESSREFUSED,
                // 530: an unknown virtual host. RabbitMQ sends the same code when a limit of connections is reached,
                // which passes.
                AMQPErrorKind::Hard(kind) => {
                    *kind == AMQPHardError::NOTALLOWED && !error.get_message().as_str().contains("limit")
                }
            },
            _ => false,
        };
        Self { refused, ..Self::new(error.to_string()) }
    }
}

/// A message that was delivered to a consumer and is not acknowledged yet.
pub struct Delivery {
    /// The body of the message.
    pub payload: Vec<u8>,
    /// The handle by which the delivery is acknowledged.
    pub(crate) receipt: Receipt,
}

/// The handle by which a delivery is acknowledged. Dropping it unused leads to a redelivery.
pub(crate) enum Receipt {
    /// Tells the publisher at the in-process broker that the consumer has committed.
    Local(tokio::sync::oneshot::Sender<()>),
    /// Holds the delivery tag of RabbitMQ.
    Rabbit(Box<lapin::message::Delivery>),
}

/// A parked message: one that could not be applied. `chatty dead-letters` prints it as JSON.
#[derive(Clone, Debug, serde::Serialize)]
pub struct DeadLetter {
    /// The id by which the operator's commands name the dead letter, unique within its queue.
    pub id: String,
    /// The name of the queue that the message was consumed from.
    pub queue: String,
    /// The reason why the message could not be applied.
    pub reason: String,
    /// The body of the message; bytes that are not UTF-8 are replaced.
    pub payload: String,
}

/// The ways in which an operator settles a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterAction {
    /// Publish the message to its original queue again. This is always safe, because applying is idempotent.
    Redrive,
    /// Discard the message.
    Drop,
}

/// Carries messages from outboxes to consumers, and transient messages between replicas and services.
///
/// Events are delivered at least once: they are published with confirms and consumed with manual acknowledgements. The
/// two fanout exchanges of each service, for its replicas and for the comparison, are best effort.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Declares the exchanges, queues and bindings of the whole topology that are missing. For a queue that was
    /// missing, the owner of its stream is asked to send everything again.
    async fn declare_topology(&self) -> Result<(), BrokerError>;

    /// Publishes a batch of messages and waits for all publisher confirms. Each result is that of the message at the
    /// same position, and tells whether it is stored in every queue that it is routed to.
    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>>;

    /// Subscribes to a queue. `db` is the consumer's own database, in which the in-process broker parks dead letters.
    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError>;

    /// Publishes applied states to the exchange `chatty.applied.SERVICE`, which brings them to every replica of
    /// `service` that is subscribed, also to the sender. Best effort.
    async fn publish_to_replicas(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError>;

    /// Subscribes to the exchange `chatty.applied.SERVICE`: the messages that the replicas of `service` publish from
    /// now on, this process included. The stream ends when the connection is lost.
    async fn subscribe_to_replicas(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError>;

    /// Publishes a message of the comparison to the exchange `chatty.compare.SERVICE`, which brings it to every running
    /// replica of `service`. Best effort: nothing is stored for a replica that is not subscribed.
    async fn publish_to_comparison(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError>;

    /// Subscribes to the exchange `chatty.compare.SERVICE`: the messages of the comparison that other services publish
    /// to `service` from now on. The stream ends when the connection is lost.
    async fn subscribe_to_comparison(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError>;

    /// Returns whether this broker can ever deliver to `service`. The in-process broker reaches only the services of
    /// its process.
    fn can_reach(&self, _service: &str) -> bool {
        true
    }

    /// Lists the dead letters of a queue, oldest first, at most 1 000.
    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError>;

    /// Counts the dead letters of a queue.
    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError>;

    /// Redrives or drops, as `action` says, the dead letters of a queue that have one of the `ids`; `None` stands for
    /// all. Returns their number. On RabbitMQ one call reaches the oldest 1 000 at most.
    async fn settle_dead_letters(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        action: DeadLetterAction,
        db: &Db,
    ) -> Result<u64, BrokerError>;

    /// Connects, if there is something to connect to. A start calls it to learn whether the broker refuses this process
    /// (ADR 20).
    async fn connect(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    /// Returns whether the broker is connected, without connecting.
    async fn is_up(&self) -> bool;
}

/// A subscription to a queue.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Waits for a delivery, then takes all that are ready, up to `max`. `None` means that the subscription is lost and
    /// the queue has to be consumed anew.
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>>;

    /// Acknowledges deliveries. They must be all that this subscription has returned since the last acknowledgement, in
    /// their order, because RabbitMQ acknowledges everything up to the last one.
    async fn ack(&mut self, deliveries: Vec<Delivery>);

    /// Stores a copy of the message as a dead letter, with the reason. The delivery itself still has to be
    /// acknowledged.
    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError>;
}
