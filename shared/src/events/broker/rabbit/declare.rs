//! The topology in RabbitMQ: exchanges, queues, their dead letters and bindings.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};
use tokio::time::timeout;

use super::publisher::confirmed;
use super::{DELIVERY_LIMIT, PATIENCE, arguments, comparison_exchange, in_time, replicas_exchange, short, text};
use crate::events::broker::BrokerError;
use crate::events::outbox::OutboxMessage;
use crate::events::resync::Request;
use crate::events::topology::{self, EXCHANGE};

/// Declares exchange, queues, dead-letter queues and bindings, as every service does.
///
/// A queue that had to be created may have missed messages, so its owner is asked to send everything again. The request
/// leaves before and after the declaration: whenever this process dies, at least one of them is in the owner's queue.
pub(super) async fn declare(connection: &Connection, channel: &Channel) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    in_time(channel.exchange_declare(short(EXCHANGE), ExchangeKind::Direct, durable, FieldTable::default())).await?;
    for service in topology::SERVICES {
        for exchange in [replicas_exchange(service), comparison_exchange(service)] {
            in_time(channel.exchange_declare(short(&exchange), ExchangeKind::Fanout, durable, FieldTable::default()))
                .await?;
        }
    }
    let mut queues = topology::queues();
    // Requests go into the resync queues, so these come first.
    queues.sort_by_key(|(_, stream)| stream.is_some());
    for (queue, stream) in queues {
        let missing = messages(connection, &queue).await?.is_none();
        let request = stream.filter(|_| missing).and_then(|stream| resync(stream, &queue));
        if let Some(request) = &request {
            confirmed(channel, request).await?;
        }
        declare_queue(channel, &queue, stream).await?;
        if let Some(request) = &request {
            confirmed(channel, request).await?;
        }
    }
    Ok(())
}

/// A queue's arguments. They belong to its name: the broker refuses others for a queue that exists.
fn queue_arguments(queue: &str) -> FieldTable {
    arguments(&[
        ("x-queue-type", text("quorum")),
        ("x-overflow", text("reject-publish")),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&topology::dead_letter_queue(queue))),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
    ])
}

/// The arguments of a queue for dead letters.
fn dead_letter_arguments() -> FieldTable {
    arguments(&[("x-queue-type", text("quorum")), ("x-delivery-limit", AMQPValue::LongInt(i32::MAX))])
}

async fn declare_queue(channel: &Channel, queue: &str, stream: Option<&str>) -> Result<(), BrokerError> {
    let dead = topology::dead_letter_queue(queue);
    in_time(channel.queue_declare(short(&dead), QueueDeclareOptions::durable(), dead_letter_arguments())).await?;
    in_time(channel.queue_declare(short(queue), QueueDeclareOptions::durable(), queue_arguments(queue))).await?;
    if let Some(stream) = stream {
        let bind = channel.queue_bind(
            short(queue),
            short(EXCHANGE),
            short(stream),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        in_time(bind).await?;
    }
    Ok(())
}

/// How many messages wait in a queue; `None` when it does not exist. A passive declaration of a missing queue closes its
/// channel, so it gets one of its own.
pub(super) async fn messages(connection: &Connection, queue: &str) -> Result<Option<u32>, BrokerError> {
    let probe = in_time(connection.create_channel()).await?;
    let passive = QueueDeclareOptions::durable().passive();
    match timeout(PATIENCE, probe.queue_declare(short(queue), passive, FieldTable::default())).await {
        Ok(Ok(found)) => {
            in_time(probe.close(200, short("done"))).await?;
            Ok(Some(found.message_count()))
        }
        Ok(Err(error)) if is(&error, &AMQPSoftError::NOTFOUND) => {
            tracing::debug!(%error, queue, "The queue does not exist.");
            Ok(None)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => Err(BrokerError::new("the broker took too long")),
    }
}

/// Whether the broker closed a channel for this reason.
fn is(error: &lapin::Error, reason: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == reason.get_id())
}

/// What a queue of the topology is like in the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// It does not exist; nothing was created.
    Missing,
    /// It has the arguments that this version declares, and so many messages.
    AsDeclared(u32),
    /// It has other arguments; what the broker said about them.
    Different(String),
    /// It may exist, but cannot be looked at; what the broker said.
    Hidden(String),
}

/// Looks at every queue and its dead letters, and creates none: only one that exists is declared.
pub(super) async fn inspect(connection: &Connection) -> Result<Vec<(String, QueueState)>, BrokerError> {
    let mut found = Vec::new();
    for (queue, _) in topology::queues() {
        let dead = topology::dead_letter_queue(&queue);
        let wanted = queue_arguments(&queue);
        for (name, wanted) in [(queue, wanted), (dead, dead_letter_arguments())] {
            let state = match look(connection, &name, wanted).await {
                Ok(state) => state,
                Err(error) if connection.status().connected() => QueueState::Hidden(error.to_string()),
                Err(error) => return Err(error),
            };
            found.push((name, state));
        }
    }
    Ok(found)
}

async fn look(connection: &Connection, queue: &str, wanted: FieldTable) -> Result<QueueState, BrokerError> {
    let Some(messages) = messages(connection, queue).await? else { return Ok(QueueState::Missing) };
    let channel = in_time(connection.create_channel()).await?;
    let declared = channel.queue_declare(short(queue), QueueDeclareOptions::durable(), wanted);
    match timeout(PATIENCE, declared).await {
        Ok(Ok(_)) => {
            in_time(channel.close(200, short("done"))).await?;
            Ok(QueueState::AsDeclared(messages))
        }
        Ok(Err(error)) if is(&error, &AMQPSoftError::PRECONDITIONFAILED) => {
            Ok(QueueState::Different(error.to_string()))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => Err(BrokerError::new("the broker took too long")),
    }
}

fn resync(stream: &str, queue: &str) -> Option<OutboxMessage> {
    let request = Request::Resend { stream: stream.to_owned(), queue: queue.to_owned(), ids: None };
    request.message(topology::owner(stream)?).ok()
}
