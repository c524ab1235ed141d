//! RabbitMQ: quorum queues, publisher confirms, manual acknowledgements.
//!
//! One connection publishes and another one consumes: RabbitMQ blocks connections that publish while it is short of
//! memory or disk, and lapin sends no acknowledgements on a blocked connection either. lapin's own recovery is not
//! used: after any error the connection is dropped and opened anew, and the topology is declared again.

mod confirm;
mod connection;
mod declare;
mod publisher;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ExchangeKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use confirm::{open_confirm_channel, publish_confirmed};
use connection::{ReconnectingConnection, short_string, with_timeout};
pub use declare::QueueState;
use declare::count_messages;
use publisher::Publisher;

use super::{Broker, BrokerError, DeadLetter, DeadLetterAction, Delivery, Receipt, Subscription};
use crate::events::topology::{self, EXCHANGE};
use crate::outbox::OutboxMessage;
use crate::work::Db;

/// The time between two checks that the connection of a consumer that receives nothing is alive.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(5);
/// The prefetch count: the most messages that a consumer holds unacknowledged. It equals the largest batch that is
/// applied.
const PREFETCH: u16 = 1_000;

/// RabbitMQ, the broker of the distributed form.
pub struct RabbitBroker {
    publisher: Arc<Publisher>,
    consuming: Arc<ReconnectingConnection>,
}

impl RabbitBroker {
    /// Creates a broker at this URL, or at several URLs with commas between them: the nodes of a cluster. It connects
    /// on first use.
    pub fn new(urls: SecretString) -> Self {
        let urls: Vec<SecretString> = urls.expose_secret().split(',').map(SecretString::from).collect();
        let connection = |name| Arc::new(ReconnectingConnection::new(urls.clone(), name));
        let publisher = Arc::new(Publisher::new(connection("chatty publisher")));
        Self { publisher, consuming: connection("chatty consumer") }
    }

    /// Inspects every queue of the suite and its dead-letter queue, without creating any.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn inspect(&self) -> Result<Vec<(String, QueueState)>, BrokerError> {
        let connection = self.open_operator_connection().await?;
        let found = declare::inspect_queues(&connection).await?;
        with_timeout(connection.close(200, short_string("done"))).await?;
        Ok(found)
    }

    /// Subscribes to a fanout exchange: the messages that are published to it from now on. They are received by a queue
    /// of this process alone, which RabbitMQ deletes together with the connection.
    async fn subscribe_to_fanout(&self, exchange: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        let connection = self.consuming.get().await?;
        let channel = with_timeout(connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        with_timeout(channel.exchange_declare(
            short_string(exchange),
            ExchangeKind::Fanout,
            durable,
            FieldTable::default(),
        ))
        .await?;
        let exclusive = QueueDeclareOptions::exclusive().auto_delete();
        let declared = channel.queue_declare(short_string(""), exclusive, FieldTable::default());
        let queue = with_timeout(declared).await?.name().clone();
        with_timeout(channel.queue_bind(
            queue.clone(),
            short_string(exchange),
            short_string(""),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        // Without acknowledgements, because these messages are best effort: a lost one is loaded or compared again.
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = start_consuming(&channel, queue, options).await?;
        let watched = WatchedConsumer { connection, channel, consumer };
        let payloads = futures_util::stream::unfold(watched, |mut watched| async move {
            let delivery = watched.next().await?;
            Some((delivery.data, watched))
        });
        Ok(payloads.boxed())
    }

    /// Opens a separate connection for one command of an operator.
    async fn open_operator_connection(&self) -> Result<Connection, BrokerError> {
        self.consuming.open_another("chatty operator").await
    }
}

/// Starts a consumer on the channel. If that fails, the channel is closed.
async fn start_consuming(
    channel: &Channel,
    queue: ShortString,
    options: BasicConsumeOptions,
) -> Result<lapin::Consumer, BrokerError> {
    let started = with_timeout(channel.basic_consume(queue, short_string(""), options, FieldTable::default())).await;
    if started.is_err() {
        // A consumer that the broker confirms too late stays with lapin, together with every message that the broker
        // delivers to it, for as long as the channel is open.
        with_timeout(channel.close(200, short_string("given up"))).await?;
    }
    started
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn declare_topology(&self) -> Result<(), BrokerError> {
        self.publisher.declare_topology().await
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        self.publisher.publish(EXCHANGE, batch).await
    }

    async fn consume(&self, queue: &str, _db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let connection = self.consuming.get().await?;
        if count_messages(&connection, queue).await?.is_none() {
            // The queue is missing. Declaring it also asks the owner of its stream for the states that the queue has
            // missed.
            self.publisher.declare_topology().await?;
        }
        let channel = with_timeout(connection.create_channel()).await?;
        // Before consuming, so that the first deliveries are limited too. Quorum queues refuse a global prefetch.
        with_timeout(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let consumer = start_consuming(&channel, short_string(queue), BasicConsumeOptions::default()).await?;
        let publisher = Arc::clone(&self.publisher);
        let watched = WatchedConsumer { connection, channel, consumer };
        Ok(Box::new(RabbitSubscription { queue: queue.to_owned(), publisher, watched }))
    }

    async fn publish_to_replicas(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.publisher.publish_to_fanout(&topology::replicas_exchange(service), payload).await
    }

    async fn subscribe_to_replicas(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.subscribe_to_fanout(&topology::replicas_exchange(service)).await
    }

    async fn publish_to_comparison(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.publisher.publish_to_fanout(&topology::comparison_exchange(service), payload).await
    }

    async fn subscribe_to_comparison(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.subscribe_to_fanout(&topology::comparison_exchange(service)).await
    }

    async fn dead_letters(&self, queue: &str, _db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        let connection = self.open_operator_connection().await?;
        let channel = with_timeout(connection.create_channel()).await?;
        let letters = get_dead_letters(&channel, queue).await?;
        // Closing without an acknowledgement returns all messages to the dead-letter queue.
        with_timeout(connection.close(200, short_string("done"))).await?;
        Ok(letters.into_iter().map(|(letter, _)| letter).collect())
    }

    async fn count_dead_letters(&self, queue: &str, _db: &Db) -> Result<u64, BrokerError> {
        // Counting for a gauge must not connect; the consumers do that.
        if self.consuming.get_open().is_none() {
            return Err(BrokerError::new("not connected"));
        }
        let dead = topology::dead_letter_queue(queue);
        let messages = count_messages(&*self.consuming.get().await?, &dead).await?;
        messages.map(u64::from).ok_or_else(|| BrokerError::new(format!("there is no {dead}")))
    }

    async fn settle_dead_letters(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        action: DeadLetterAction,
        _db: &Db,
    ) -> Result<u64, BrokerError> {
        let connection = self.open_operator_connection().await?;
        let channel = open_confirm_channel(&connection).await?;
        let mut settled = 0;
        for (letter, message) in get_dead_letters(&channel, queue).await? {
            if ids.is_some_and(|ids| !ids.contains(&letter.id)) {
                continue;
            }
            // The acknowledgement removes the dead letter, so it follows the confirm. A crash in between leaves both
            // messages.
            if action == DeadLetterAction::Redrive {
                let redriven = redriven_message(letter.id, queue, message.delivery.data.clone());
                publish_confirmed(&channel, &redriven).await?;
            }
            message.delivery.acker.ack(BasicAckOptions::default()).await?;
            settled += 1;
        }
        with_timeout(connection.close(200, short_string("done"))).await?;
        Ok(settled)
    }

    async fn connect(&self) -> Result<(), BrokerError> {
        self.consuming.get().await.map(drop)
    }

    async fn is_up(&self) -> bool {
        self.consuming.get_open().is_some()
    }
}

fn redriven_message(message_id: String, queue: &str, payload: Vec<u8>) -> OutboxMessage {
    OutboxMessage { id: 0, message_id, stream: String::new(), target: Some(queue.to_owned()), payload }
}

/// Gets up to 1 000 dead letters of a queue without acknowledging them.
async fn get_dead_letters(
    channel: &Channel,
    queue: &str,
) -> Result<Vec<(DeadLetter, lapin::message::BasicGetMessage)>, BrokerError> {
    let dead = topology::dead_letter_queue(queue);
    let mut letters = Vec::new();
    while letters.len() < 1_000 {
        let got = with_timeout(channel.basic_get(short_string(&dead), BasicGetOptions::default())).await?;
        let Some(message) = got else { break };
        let properties = &message.delivery.properties;
        let header = |name: &str| match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(value) => Some(value.to_string()),
            _ => None,
        };
        // A service that parks a message writes `x-reason`; RabbitMQ itself, at the delivery limit, writes the other
        // header.
        let reason = header("x-reason").or_else(|| header("x-first-death-reason")).unwrap_or_default();
        let id = properties.message_id().as_ref().map(ToString::to_string).unwrap_or_else(|| letters.len().to_string());
        let payload = String::from_utf8_lossy(&message.delivery.data).into_owned();
        letters.push((DeadLetter { id, queue: queue.to_owned(), reason, payload }, message));
    }
    Ok(letters)
}

/// A consumer that also notices the death of its connection or channel when lapin does not report it.
struct WatchedConsumer {
    connection: Arc<Connection>,
    channel: Channel,
    consumer: lapin::Consumer,
}

impl WatchedConsumer {
    /// Waits for the next delivery; `None` means that none will come any more.
    async fn next(&mut self) -> Option<lapin::message::Delivery> {
        loop {
            match timeout(LIVENESS_INTERVAL, self.consumer.next()).await {
                Ok(next) => return next?.ok(),
                Err(_elapsed) if self.connection.status().connected() && self.channel.status().connected() => {}
                Err(_elapsed) => return None,
            }
        }
    }
}

struct RabbitSubscription {
    queue: String,
    publisher: Arc<Publisher>,
    watched: WatchedConsumer,
}

fn into_delivery(delivery: lapin::message::Delivery) -> Delivery {
    let mut delivery = delivery;
    Delivery { payload: std::mem::take(&mut delivery.data), receipt: Receipt::Rabbit(Box::new(delivery)) }
}

#[async_trait]
impl Subscription for RabbitSubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let mut deliveries = vec![into_delivery(self.watched.next().await?)];
        while deliveries.len() < max {
            match self.watched.consumer.next().now_or_never() {
                Some(Some(Ok(delivery))) => deliveries.push(into_delivery(delivery)),
                // The deliveries so far cannot be acknowledged any more, so they are dropped and delivered again.
                Some(Some(Err(_)) | None) => return None,
                None => break,
            }
        }
        Some(deliveries)
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        let Some(Receipt::Rabbit(last)) = deliveries.last().map(|delivery| &delivery.receipt) else { return };
        // One frame acknowledges the whole batch.
        match with_timeout(last.acker.ack(BasicAckOptions { multiple: true })).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(queue = self.queue, "The channel has changed; the messages come again."),
            Err(error) => tracing::debug!(%error, queue = self.queue, "Not acknowledged; the messages come again."),
        }
    }

    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        self.publisher.publish_dead_letter(&self.queue, &delivery.payload, reason).await
    }
}
