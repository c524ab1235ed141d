//! RabbitMQ: quorum queues, publisher confirms, one connection to publish and one to consume.
//!
//! lapin's own recovery is not used: on any error the connection is dropped and built anew, with the topology.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Broker, BrokerError, DeadLetter, Delivery, Receipt, Subscription, Verdict};
use crate::db::Db;
use crate::events::outbox::OutboxMessage;
use crate::events::resync::Request;
use crate::events::topology::{self, EXCHANGE};

/// How long connecting, declaring or a batch of confirms may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that a consumer holds unacknowledged.
const PREFETCH: u16 = 1_000;
/// Returns to a queue before a message counts as poison. High, because the death of a consumer counts as a return.
const DELIVERY_LIMIT: i32 = 50;

/// The broker of the distributed form.
pub struct RabbitBroker {
    url: SecretString,
    publisher: Arc<Mutex<Option<Publisher>>>,
    consumer: Mutex<Option<Arc<Connection>>>,
}

struct Publisher {
    connection: Connection,
    channel: Channel,
}

impl Publisher {
    fn usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

impl RabbitBroker {
    /// A broker at this URL. It connects when it is first used.
    pub fn new(url: SecretString) -> Self {
        Self { url, publisher: Arc::default(), consumer: Mutex::default() }
    }

    async fn connect(&self, name: &str) -> Result<Connection, BrokerError> {
        let mut url = self.url.expose_secret().to_owned();
        if !url.contains("heartbeat=") {
            url.push_str(if url.contains('?') { "&heartbeat=10" } else { "?heartbeat=10" });
        }
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        in_time(Connection::connect(&url, properties)).await
    }

    /// The publishing channel, connected and with the topology declared.
    async fn open(&self) -> Result<Publisher, BrokerError> {
        let connection = self.connect("chatty publisher").await?;
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        declare(&connection, &channel).await?;
        Ok(Publisher { connection, channel })
    }

    /// The channel of the publisher, which is opened when it is not usable.
    async fn channel(&self, publisher: &mut Option<Publisher>) -> Result<Channel, BrokerError> {
        if let Some(open) = publisher.as_ref().filter(|publisher| publisher.usable()) {
            return Ok(open.channel.clone());
        }
        Ok(publisher.insert(self.open().await?).channel.clone())
    }

    async fn send(&self, exchange: &str, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        let mut publisher = self.publisher.lock().await;
        let channel = match self.channel(&mut publisher).await {
            Ok(channel) => channel,
            Err(error) => return batch.iter().map(|_| Err(BrokerError(error.to_string()))).collect(),
        };
        let results = publish_all(&channel, exchange, batch).await;
        if results.iter().any(Result::is_err) {
            // A returned message means that a queue is missing: the next connection declares it again.
            *publisher = None;
        }
        results
    }

    async fn consumer_connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let mut connection = self.consumer.lock().await;
        if let Some(open) = connection.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(Arc::clone(open));
        }
        let fresh = Arc::new(self.connect("chatty consumer").await?);
        *connection = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}

async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    timeout(PATIENCE, work)
        .await
        .map_err(|_elapsed| BrokerError("the broker took too long".into()))?
        .map_err(Into::into)
}

fn short(text: &str) -> ShortString {
    ShortString::from(text)
}

fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(short(name), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

/// Declares exchange, queues, dead-letter queues and bindings, as every service does.
///
/// A queue that had to be created may have missed messages, so its owner is asked to send everything again. The request
/// leaves before and after the declaration: whenever this process dies, at least one of them is in the owner's queue.
async fn declare(connection: &Connection, channel: &Channel) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    in_time(channel.exchange_declare(short(EXCHANGE), ExchangeKind::Direct, durable, FieldTable::default())).await?;
    for service in topology::SERVICES {
        let exchange = replicas_exchange(service);
        in_time(channel.exchange_declare(short(&exchange), ExchangeKind::Fanout, durable, FieldTable::default()))
            .await?;
    }
    let mut queues = topology::queues();
    // Requests go into the resync queues, so these come first.
    queues.sort_by_key(|(_, stream)| stream.is_some());
    for (queue, stream) in queues {
        let missing = !exists(connection, &queue).await?;
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

async fn declare_queue(channel: &Channel, queue: &str, stream: Option<&str>) -> Result<(), BrokerError> {
    let dead = topology::dead_letter_queue(queue);
    let no_limit = arguments(&[("x-queue-type", text("quorum")), ("x-delivery-limit", AMQPValue::LongInt(i32::MAX))]);
    in_time(channel.queue_declare(short(&dead), QueueDeclareOptions::durable(), no_limit)).await?;
    let limits = arguments(&[
        ("x-queue-type", text("quorum")),
        ("x-overflow", text("reject-publish")),
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&dead)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
    ]);
    in_time(channel.queue_declare(short(queue), QueueDeclareOptions::durable(), limits)).await?;
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

/// A passive declaration of a missing queue closes its channel, so it gets one of its own.
async fn exists(connection: &Connection, queue: &str) -> Result<bool, BrokerError> {
    let probe = in_time(connection.create_channel()).await?;
    let passive = QueueDeclareOptions::durable().passive();
    match timeout(PATIENCE, probe.queue_declare(short(queue), passive, FieldTable::default())).await {
        Ok(Ok(_)) => {
            in_time(probe.close(200, short("done"))).await?;
            Ok(true)
        }
        Ok(Err(error)) if connection.status().connected() => {
            tracing::info!(%error, queue, "The queue does not exist yet and is created.");
            Ok(false)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_elapsed) => Err(BrokerError("the broker took too long".into())),
    }
}

fn resync(stream: &str, queue: &str) -> Option<OutboxMessage> {
    let request = Request::Resend { stream: stream.to_owned(), queue: queue.to_owned(), ids: None };
    request.message(topology::owner(stream)?).ok()
}

async fn confirmed(channel: &Channel, message: &OutboxMessage) -> Result<(), BrokerError> {
    publish_all(channel, "", std::slice::from_ref(message)).await.pop().unwrap_or(Ok(()))
}

/// Publishes a batch, then awaits every confirm. lapin hands a returned message to whichever confirm comes next, so the
/// returns of the whole batch are collected by message id before anything counts as safe.
#[expect(clippy::disallowed_methods, reason = "this is where the outbox leaves for the broker")]
async fn publish_all(channel: &Channel, exchange: &str, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let late = || BrokerError("the broker did not confirm in time".into());
    let mut pending = Vec::with_capacity(batch.len());
    for message in batch {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type(short("application/cloudevents+json"))
            .with_message_id(short(&message.message_id));
        let (exchange, key) = match &message.target {
            Some(queue) => ("", queue.as_str()),
            None => (exchange, message.stream.as_str()),
        };
        let sent = channel.basic_publish(short(exchange), short(key), options, &message.payload, properties);
        pending.push(match tokio::time::timeout_at(deadline, sent).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(BrokerError::from(error)),
            Err(_elapsed) => Err(late()),
        });
    }
    let mut returned: Vec<String> = Vec::new();
    let mut results = Vec::with_capacity(batch.len());
    for confirm in pending {
        results.push(match confirm {
            Err(error) => Err(error),
            Ok(confirm) => match tokio::time::timeout_at(deadline, confirm).await {
                Ok(Ok(Confirmation::Ack(back))) => {
                    let id = back.and_then(|back| back.delivery.properties.message_id().clone());
                    returned.extend(id.map(|id| id.to_string()));
                    Ok(())
                }
                Ok(Ok(_)) => Err(BrokerError("the broker refused the message".into())),
                Ok(Err(error)) => Err(error.into()),
                Err(_elapsed) => Err(late()),
            },
        });
    }
    for (message, result) in batch.iter().zip(&mut results) {
        if returned.contains(&message.message_id) {
            *result = Err(BrokerError(format!("no queue takes {}", message.stream)));
        }
    }
    results
}

/// Starts a consumer, or leaves none behind.
async fn start_consuming(
    channel: &Channel,
    queue: ShortString,
    options: BasicConsumeOptions,
) -> Result<lapin::Consumer, BrokerError> {
    let started = in_time(channel.basic_consume(queue, short(""), options, FieldTable::default())).await;
    if started.is_err() {
        // lapin keeps a consumer that is confirmed too late, with every message that the broker gives it, for as long
        // as the channel is open.
        in_time(channel.close(200, short("given up"))).await?;
    }
    started
}

fn replicas_exchange(service: &str) -> String {
    format!("chatty.applied.{service}")
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn declare(&self) -> Result<(), BrokerError> {
        let mut publisher = self.publisher.lock().await;
        match publisher.as_ref().filter(|publisher| publisher.usable()) {
            Some(open) => declare(&open.connection, &open.channel).await?,
            None => *publisher = Some(self.open().await?),
        }
        Ok(())
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        self.send(EXCHANGE, batch).await
    }

    async fn consume(&self, queue: &str, _db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let connection = self.consumer_connection().await?;
        if !exists(&connection, queue).await? {
            // Declares the whole topology and asks for a resync of what was missing.
            let mut publisher = self.publisher.lock().await;
            *publisher = Some(self.open().await?);
        }
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let consumer = start_consuming(&channel, short(queue), BasicConsumeOptions::default()).await?;
        Ok(Box::new(RabbitSubscription {
            queue: queue.to_owned(),
            publisher: RabbitBroker {
                url: self.url.clone(),
                publisher: Arc::clone(&self.publisher),
                consumer: Mutex::default(),
            },
            _channel: channel,
            consumer,
        }))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "not an event: lost broadcasts are made good when a replica loads again"
    )]
    async fn broadcast(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let channel = self.channel(&mut *self.publisher.lock().await).await?;
        let exchange = replicas_exchange(service);
        let sent = channel.basic_publish(
            short(&exchange),
            short(""),
            BasicPublishOptions::default(),
            payload,
            BasicProperties::default(),
        );
        in_time(sent).await.map(|_confirm| ())
    }

    async fn listen(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        let connection = self.consumer_connection().await?;
        let channel = in_time(connection.create_channel()).await?;
        let exchange = replicas_exchange(service);
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        in_time(channel.exchange_declare(short(&exchange), ExchangeKind::Fanout, durable, FieldTable::default()))
            .await?;
        let own = QueueDeclareOptions::exclusive().auto_delete();
        let queue = in_time(channel.queue_declare(short(""), own, FieldTable::default())).await?.name().clone();
        in_time(channel.queue_bind(
            queue.clone(),
            short(&exchange),
            short(""),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = start_consuming(&channel, queue, options).await?;
        let payloads = futures_util::stream::unfold((consumer, channel), |(mut consumer, channel)| async move {
            match consumer.next().await {
                Some(Ok(delivery)) => Some((delivery.data, (consumer, channel))),
                Some(Err(_)) | None => None,
            }
        });
        Ok(payloads.boxed())
    }

    async fn dead_letters(&self, queue: &str, _db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        let connection = self.connect("chatty operator").await?;
        let channel = in_time(connection.create_channel()).await?;
        let letters = fetch(&channel, queue).await?;
        // Closing without an acknowledgement puts everything back.
        in_time(connection.close(200, short("done"))).await?;
        Ok(letters.into_iter().map(|(letter, _)| letter).collect())
    }

    async fn settle(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        verdict: Verdict,
        _db: &Db,
    ) -> Result<u64, BrokerError> {
        let connection = self.connect("chatty operator").await?;
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let mut settled = 0;
        for (letter, message) in fetch(&channel, queue).await? {
            if ids.is_some_and(|ids| !ids.contains(&letter.id)) {
                continue;
            }
            if verdict == Verdict::Redrive {
                let again = outgoing(letter.id, queue, message.delivery.data.clone());
                confirmed(&channel, &again).await?;
            }
            message.delivery.acker.ack(BasicAckOptions::default()).await?;
            settled += 1;
        }
        in_time(connection.close(200, short("done"))).await?;
        Ok(settled)
    }

    async fn is_up(&self) -> bool {
        let connection = self.consumer.lock().await;
        connection.as_ref().is_some_and(|connection| connection.status().connected())
    }
}

fn outgoing(message_id: String, queue: &str, payload: Vec<u8>) -> OutboxMessage {
    OutboxMessage { id: 0, message_id, stream: String::new(), target: Some(queue.to_owned()), payload }
}

/// Gets up to 1 000 dead letters without acknowledging them.
async fn fetch(
    channel: &Channel,
    queue: &str,
) -> Result<Vec<(DeadLetter, lapin::message::BasicGetMessage)>, BrokerError> {
    let dead = topology::dead_letter_queue(queue);
    let mut letters = Vec::new();
    while letters.len() < 1_000 {
        let Some(message) = in_time(channel.basic_get(short(&dead), BasicGetOptions::default())).await? else { break };
        let properties = &message.delivery.properties;
        let header = |name: &str| match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(value) => Some(value.to_string()),
            _ => None,
        };
        let reason = header("x-reason").or_else(|| header("x-first-death-reason")).unwrap_or_default();
        let id = properties.message_id().as_ref().map(ToString::to_string).unwrap_or_else(|| letters.len().to_string());
        let payload = String::from_utf8_lossy(&message.delivery.data).into_owned();
        letters.push((DeadLetter { id, queue: queue.to_owned(), reason, payload }, message));
    }
    Ok(letters)
}

struct RabbitSubscription {
    queue: String,
    publisher: RabbitBroker,
    _channel: Channel,
    consumer: lapin::Consumer,
}

fn received(delivery: lapin::message::Delivery) -> Delivery {
    let mut delivery = delivery;
    Delivery { payload: std::mem::take(&mut delivery.data), receipt: Receipt::Rabbit(Box::new(delivery)) }
}

#[async_trait]
impl Subscription for RabbitSubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let mut deliveries = vec![received(self.consumer.next().await?.ok()?)];
        while deliveries.len() < max {
            match self.consumer.next().now_or_never() {
                Some(Some(Ok(delivery))) => deliveries.push(received(delivery)),
                // What was taken so far cannot be acknowledged any more and comes again.
                Some(Some(Err(_)) | None) => return None,
                None => break,
            }
        }
        Some(deliveries)
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        let Some(Receipt::Rabbit(last)) = deliveries.last().map(|delivery| &delivery.receipt) else { return };
        match last.acker.ack(BasicAckOptions { multiple: true }).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(queue = self.queue, "The channel has changed; the messages come again."),
            Err(error) => tracing::debug!(%error, queue = self.queue, "Not acknowledged; the messages come again."),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a dead letter is not an event of ours")]
    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        let channel = self.publisher.channel(&mut *self.publisher.publisher.lock().await).await?;
        let dead = topology::dead_letter_queue(&self.queue);
        let reason: String = reason.chars().take(1_000).collect();
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(short(&uuid::Uuid::now_v7().to_string()))
            .with_headers(arguments(&[("x-reason", text(&reason))]));
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm =
            in_time(channel.basic_publish(short(""), short(&dead), options, &delivery.payload, properties)).await?;
        match in_time(confirm).await? {
            Confirmation::Ack(None) => Ok(()),
            _ => Err(BrokerError(format!("{dead} did not take the message"))),
        }
    }
}
