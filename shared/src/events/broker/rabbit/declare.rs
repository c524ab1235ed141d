//! The topology in RabbitMQ: declares exchanges, queues, dead-letter queues and bindings, and inspects them for the
//! operator.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};
use tokio::time::timeout;

use super::confirm::publish_confirmed;
use super::connection::{TIMEOUT, field_table, long_string, short_string, with_timeout};
use crate::events::broker::BrokerError;
use crate::events::request::Request;
use crate::events::topology::{self, EXCHANGE};
use crate::outbox::OutboxMessage;
use crate::services::SERVICE_NAMES;

/// The number of redeliveries after which RabbitMQ itself dead-letters a message as poison (`x-delivery-limit`). It is
/// high, because RabbitMQ also counts the redelivery after the death of a consumer.
const DELIVERY_LIMIT: i32 = 50;

/// Declares the exchanges, queues, dead-letter queues and bindings of the whole topology. Declaring one that exists
/// changes nothing.
///
/// A queue that had to be created may have missed messages, so the owner of its stream is asked to send everything
/// again. The request is published twice. The first one, before the declaration, is there even if this process dies
/// right after it. The second one, after the declaration, is certain to be answered when the queue exists.
pub(super) async fn declare_topology(connection: &Connection, channel: &Channel) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared =
        channel.exchange_declare(short_string(EXCHANGE), ExchangeKind::Direct, durable, FieldTable::default());
    with_timeout(declared).await?;
    for service in SERVICE_NAMES {
        for exchange in [topology::replicas_exchange(service), topology::comparison_exchange(service)] {
            let declared =
                channel.exchange_declare(short_string(&exchange), ExchangeKind::Fanout, durable, FieldTable::default());
            with_timeout(declared).await?;
        }
    }
    let mut queues = topology::queues();
    // The requests go to resync queues, so these are declared first.
    queues.sort_by_key(|(_, stream)| stream.is_some());
    for (queue, stream) in queues {
        let is_missing = count_messages(connection, &queue).await?.is_none();
        let request = stream.filter(|_| is_missing).and_then(|stream| resend_request(stream, &queue));
        if let Some(request) = &request {
            publish_confirmed(channel, request).await?;
        }
        declare_queue(channel, &queue, stream).await?;
        if let Some(request) = &request {
            publish_confirmed(channel, request).await?;
        }
    }
    Ok(())
}

/// Returns the arguments of a queue. They cannot change as long as the queue exists: RabbitMQ refuses to declare an
/// existing queue with other arguments (406).
fn queue_arguments(queue: &str) -> FieldTable {
    field_table(&[
        ("x-queue-type", long_string("quorum")),
        // At-least-once dead-lettering, below, needs this overflow behaviour (RabbitMQ documentation, "Quorum Queues").
        ("x-overflow", long_string("reject-publish")),
        // The default exchange, which routes to the queue that the routing key names.
        ("x-dead-letter-exchange", long_string("")),
        ("x-dead-letter-routing-key", long_string(&topology::dead_letter_queue(queue))),
        ("x-dead-letter-strategy", long_string("at-least-once")),
        ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
    ])
}

/// Returns the arguments of a dead-letter queue. Its delivery limit is as high as can be, because RabbitMQ counts a
/// delivery whenever an operator lists the dead letters and returns them.
fn dead_letter_arguments() -> FieldTable {
    field_table(&[("x-queue-type", long_string("quorum")), ("x-delivery-limit", AMQPValue::LongInt(i32::MAX))])
}

/// Declares a queue with its dead-letter queue, and binds it to its stream if it has one.
async fn declare_queue(channel: &Channel, queue: &str, stream: Option<&str>) -> Result<(), BrokerError> {
    // The dead-letter queue comes first, so that the queue never has a dead letter without a place for it.
    let dead = topology::dead_letter_queue(queue);
    let durable = QueueDeclareOptions::durable();
    with_timeout(channel.queue_declare(short_string(&dead), durable, dead_letter_arguments())).await?;
    with_timeout(channel.queue_declare(short_string(queue), durable, queue_arguments(queue))).await?;
    if let Some(stream) = stream {
        let bound = channel.queue_bind(
            short_string(queue),
            short_string(EXCHANGE),
            short_string(stream),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        with_timeout(bound).await?;
    }
    Ok(())
}

/// Counts the messages that are ready in a queue; `None` when the queue does not exist.
///
/// It declares the queue passively, on a channel of its own, because RabbitMQ closes the channel when the queue is
/// missing (404).
pub(super) async fn count_messages(connection: &Connection, queue: &str) -> Result<Option<u32>, BrokerError> {
    let probe = with_timeout(connection.create_channel()).await?;
    let passive = QueueDeclareOptions::durable().passive();
    match timeout(TIMEOUT, probe.queue_declare(short_string(queue), passive, FieldTable::default())).await {
        Ok(Ok(found)) => {
            with_timeout(probe.close(200, short_string("done"))).await?;
            Ok(Some(found.message_count()))
        }
        Ok(Err(error)) if is_channel_error(&error, &AMQPSoftError::NOTFOUND) => {
            tracing::debug!(%error, queue, "The queue does not exist.");
            Ok(None)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => Err(BrokerError::new("the broker took too long")),
    }
}

/// Returns whether the broker closed a channel with this reply code.
fn is_channel_error(error: &lapin::Error, reply: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == reply.get_id())
}

/// The state of a queue of the topology in RabbitMQ, compared with its declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// The queue does not exist. Inspecting does not create it.
    Missing,
    /// The queue has the arguments that this version declares, and holds this many ready messages.
    AsDeclared(u32),
    /// The queue has other arguments. The text is the broker's.
    Different(String),
    /// The queue cannot be inspected, although it may exist. The text is the broker's.
    Inaccessible(String),
}

/// Inspects every queue of the topology and its dead-letter queue. None is created, because only a queue that exists is
/// declared.
pub(super) async fn inspect_queues(connection: &Connection) -> Result<Vec<(String, QueueState)>, BrokerError> {
    let mut found = Vec::new();
    for (queue, _) in topology::queues() {
        let dead = topology::dead_letter_queue(&queue);
        let arguments = queue_arguments(&queue);
        for (name, arguments) in [(queue, arguments), (dead, dead_letter_arguments())] {
            let state = match inspect_queue(connection, &name, arguments).await {
                Ok(state) => state,
                // The error concerns this queue only, so the others can still be inspected.
                Err(error) if connection.status().connected() => QueueState::Inaccessible(error.to_string()),
                Err(error) => return Err(error),
            };
            found.push((name, state));
        }
    }
    Ok(found)
}

/// Inspects one queue. Declaring an existing queue compares its arguments: RabbitMQ answers 406 when they differ.
async fn inspect_queue(connection: &Connection, queue: &str, arguments: FieldTable) -> Result<QueueState, BrokerError> {
    let Some(messages) = count_messages(connection, queue).await? else { return Ok(QueueState::Missing) };
    let channel = with_timeout(connection.create_channel()).await?;
    let declared = channel.queue_declare(short_string(queue), QueueDeclareOptions::durable(), arguments);
    match timeout(TIMEOUT, declared).await {
        Ok(Ok(_)) => {
            with_timeout(channel.close(200, short_string("done"))).await?;
            Ok(QueueState::AsDeclared(messages))
        }
        Ok(Err(error)) if is_channel_error(&error, &AMQPSoftError::PRECONDITIONFAILED) => {
            Ok(QueueState::Different(error.to_string()))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => Err(BrokerError::new("the broker took too long")),
    }
}

/// Builds the request to the owner of a stream to send everything to `queue`; `None` if the stream has no owner or the
/// request cannot be encoded.
fn resend_request(stream: &str, queue: &str) -> Option<OutboxMessage> {
    let request = Request::Resend { stream: stream.to_owned(), queue: queue.to_owned(), ids: None };
    request.to_message(topology::owner(stream)?).ok()
}
