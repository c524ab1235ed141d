//! RabbitMQ: quorum queues, publisher confirms, one connection to publish and one to consume.
//!
//! lapin's own recovery is not used: on any error the connection is dropped and built anew, with the topology.

mod declare;
mod publisher;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use declare::QueueState;
use declare::messages;
use publisher::{Publisher, confirmed, confirming};

use super::{Broker, BrokerError, DeadLetter, Delivery, Receipt, Subscription, Verdict};
use crate::db::Db;
use crate::events::outbox::OutboxMessage;
use crate::events::topology::{self, EXCHANGE};

/// How long connecting, declaring or a batch of confirms may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seconds between signs of life.
const HEARTBEAT: u32 = 10;
/// Bytes in one frame; larger messages are cut. lapin holds 64 frames of memory for each connection.
const FRAME: u32 = 32 * 1024;
/// How often a consumer that hears nothing looks whether its connection is alive.
const PULSE: Duration = Duration::from_secs(5);
/// Messages that a consumer holds unacknowledged.
const PREFETCH: u16 = 1_000;
/// Returns to a queue before a message counts as poison. High, because the death of a consumer counts as a return.
const DELIVERY_LIMIT: i32 = 50;

/// The broker of the distributed form.
pub struct RabbitBroker {
    publisher: Arc<Publisher>,
    consumer: Arc<Line>,
}

impl RabbitBroker {
    /// A broker at this URL, or at several with commas between them: the nodes of a cluster. It connects when it is
    /// first used.
    pub fn new(urls: SecretString) -> Self {
        let urls: Vec<SecretString> = urls.expose_secret().split(',').map(SecretString::from).collect();
        let line = |name| {
            Arc::new(Line {
                urls: urls.clone(),
                next: AtomicUsize::new(0),
                name,
                connection: std::sync::Mutex::default(),
                connecting: Mutex::default(),
            })
        };
        Self { publisher: Arc::new(Publisher::new(line("chatty publisher"))), consumer: line("chatty consumer") }
    }

    /// Looks at every queue of the suite and its dead letters, and creates none.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn inspect(&self) -> Result<Vec<(String, QueueState)>, BrokerError> {
        let connection = self.operator().await?;
        let found = declare::inspect(&connection).await?;
        in_time(connection.close(200, short("done"))).await?;
        Ok(found)
    }

    /// The messages of a fanout exchange from now on.
    async fn listen_at(&self, exchange: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        let connection = self.consumer.connection().await?;
        let channel = in_time(connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        in_time(channel.exchange_declare(short(exchange), ExchangeKind::Fanout, durable, FieldTable::default()))
            .await?;
        let own = QueueDeclareOptions::exclusive().auto_delete();
        let queue = in_time(channel.queue_declare(short(""), own, FieldTable::default())).await?.name().clone();
        in_time(channel.queue_bind(
            queue.clone(),
            short(exchange),
            short(""),
            QueueBindOptions::default(),
            FieldTable::default(),
        ))
        .await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = start_consuming(&channel, queue, options).await?;
        let heard = Heard { connection, channel, consumer };
        let payloads = futures_util::stream::unfold(heard, |mut heard| async move {
            let delivery = heard.next().await?;
            Some((delivery.data, heard))
        });
        Ok(payloads.boxed())
    }

    /// A connection for one command of an operator.
    async fn operator(&self) -> Result<Connection, BrokerError> {
        self.consumer.connect("chatty operator").await
    }
}

/// A connection that is made when it is needed, and anew when it broke.
struct Line {
    urls: Vec<SecretString>,
    /// The node that is tried first: the one after the last that answered, since that one's connection broke.
    next: AtomicUsize,
    name: &'static str,
    connection: std::sync::Mutex<Option<Arc<Connection>>>,
    /// Held by the one who connects.
    connecting: Mutex<()>,
}

impl Line {
    /// Connects to the first node that answers. Of several failures, one that may pass is told before a refusal.
    async fn connect(&self, name: &str) -> Result<Connection, BrokerError> {
        let mut failed = BrokerError::new("the broker has no URL");
        let next = self.next.load(Ordering::Relaxed) % self.urls.len().max(1);
        let nodes = self.urls.iter().enumerate().cycle().skip(next).take(self.urls.len());
        for (tried, (index, url)) in nodes.enumerate() {
            let mut url = url.expose_secret().to_owned();
            for (name, value) in [("heartbeat", HEARTBEAT), ("frame_max", FRAME)] {
                if !url.contains(&format!("{name}=")) {
                    let separator = if url.contains('?') { '&' } else { '?' };
                    url.push_str(&format!("{separator}{name}={value}"));
                }
            }
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            match in_time(Connection::connect(&url, properties)).await {
                Ok(connection) => {
                    self.next.store(index + 1, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) if tried == 0 || failed.is_refused() => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }

    /// The connection, which is made if there is none. A task of its own makes it: the future of a caller may be left
    /// alone for as long as that caller waits for something else, which may need the connection too, and would hold the
    /// lock all that time.
    #[expect(clippy::disallowed_methods, reason = "it ends by itself, within the time that connecting may take")]
    async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, BrokerError> {
        if let Some(open) = self.open() {
            return Ok(open);
        }
        let line = Arc::clone(self);
        let made = tokio::spawn(async move { line.make_connection().await }).await;
        made.unwrap_or_else(|error| Err(BrokerError::new(error.to_string())))
    }

    async fn make_connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let _alone = self.connecting.lock().await;
        if let Some(open) = self.open() {
            return Ok(open);
        }
        let connection = Arc::new(self.connect(self.name).await?);
        *self.kept() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Lets go of a connection that failed; the next use makes a new one.
    fn give_up(&self) {
        *self.kept() = None;
    }

    /// The connection, unless it broke. Does not wait for one that is being made.
    fn open(&self) -> Option<Arc<Connection>> {
        self.kept().as_ref().filter(|connection| connection.status().connected()).map(Arc::clone)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    timeout(PATIENCE, work).await.map_err(|_elapsed| BrokerError::new("the broker took too long"))?.map_err(Into::into)
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

/// The exchange on which the replicas of a service tell each other what they have applied.
fn replicas_exchange(service: &str) -> String {
    format!("chatty.applied.{service}")
}

/// The exchange on which all replicas of a service hear of comparisons.
fn comparison_exchange(service: &str) -> String {
    format!("chatty.compare.{service}")
}

#[async_trait]
impl Broker for RabbitBroker {
    async fn declare(&self) -> Result<(), BrokerError> {
        self.publisher.declare().await
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        self.publisher.send(EXCHANGE, batch).await
    }

    async fn consume(&self, queue: &str, _db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let connection = self.consumer.connection().await?;
        if messages(&connection, queue).await?.is_none() {
            // Asks for a resync of what was missing.
            self.publisher.declare().await?;
        }
        let channel = in_time(connection.create_channel()).await?;
        in_time(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let consumer = start_consuming(&channel, short(queue), BasicConsumeOptions::default()).await?;
        let publisher = Arc::clone(&self.publisher);
        let heard = Heard { connection, channel, consumer };
        Ok(Box::new(RabbitSubscription { queue: queue.to_owned(), publisher, heard }))
    }

    async fn broadcast(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.publisher.broadcast(&replicas_exchange(service), payload).await
    }

    async fn listen(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.listen_at(&replicas_exchange(service)).await
    }

    async fn tell(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.publisher.broadcast(&comparison_exchange(service), payload).await
    }

    async fn hear(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.listen_at(&comparison_exchange(service)).await
    }

    async fn dead_letters(&self, queue: &str, _db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        let connection = self.operator().await?;
        let channel = in_time(connection.create_channel()).await?;
        let letters = fetch(&channel, queue).await?;
        // Closing without an acknowledgement puts everything back.
        in_time(connection.close(200, short("done"))).await?;
        Ok(letters.into_iter().map(|(letter, _)| letter).collect())
    }

    async fn count_dead_letters(&self, queue: &str, _db: &Db) -> Result<u64, BrokerError> {
        // Whoever consumes connects; counting does not.
        if self.consumer.open().is_none() {
            return Err(BrokerError::new("not connected"));
        }
        let dead = topology::dead_letter_queue(queue);
        let messages = messages(&*self.consumer.connection().await?, &dead).await?;
        messages.map(u64::from).ok_or_else(|| BrokerError::new(format!("there is no {dead}")))
    }

    async fn settle(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        verdict: Verdict,
        _db: &Db,
    ) -> Result<u64, BrokerError> {
        let connection = self.operator().await?;
        let channel = confirming(&connection).await?;
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

    async fn admit(&self) -> Result<(), BrokerError> {
        self.consumer.connection().await.map(drop)
    }

    async fn is_up(&self) -> bool {
        self.consumer.open().is_some()
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

/// A consumer that notices the death of its connection also when lapin does not tell it.
struct Heard {
    connection: Arc<Connection>,
    channel: Channel,
    consumer: lapin::Consumer,
}

impl Heard {
    /// The next delivery; `None` when there will be no more.
    async fn next(&mut self) -> Option<lapin::message::Delivery> {
        loop {
            match timeout(PULSE, self.consumer.next()).await {
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
    heard: Heard,
}

fn received(delivery: lapin::message::Delivery) -> Delivery {
    let mut delivery = delivery;
    Delivery { payload: std::mem::take(&mut delivery.data), receipt: Receipt::Rabbit(Box::new(delivery)) }
}

#[async_trait]
impl Subscription for RabbitSubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let mut deliveries = vec![received(self.heard.next().await?)];
        while deliveries.len() < max {
            match self.heard.consumer.next().now_or_never() {
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
        match in_time(last.acker.ack(BasicAckOptions { multiple: true })).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(queue = self.queue, "The channel has changed; the messages come again."),
            Err(error) => tracing::debug!(%error, queue = self.queue, "Not acknowledged; the messages come again."),
        }
    }

    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        self.publisher.park(&self.queue, &delivery.payload, reason).await
    }
}
