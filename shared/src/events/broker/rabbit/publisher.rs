//! The publishing side of RabbitMQ: one connection, with one channel for each batch of persistent messages in flight,
//! and one channel for all best-effort messages to fanout exchanges.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::confirm::{PERSISTENT, open_confirm_channel, publish_batch};
use super::connection::{ReconnectingConnection, field_table, long_string, short_string, with_timeout};
use super::declare::declare_topology;
use crate::events::broker::BrokerError;
use crate::events::topology;
use crate::outbox::OutboxMessage;

/// The longest time for a message to a fanout exchange. It is short, because consumers wait for it before they
/// acknowledge.
const FANOUT_TIMEOUT: Duration = Duration::from_secs(1);
/// The most characters of a reason in the header of a dead letter; headers have to fit into one frame.
const MAX_REASON: usize = 1_000;

pub(super) struct Publisher {
    connection: Arc<ReconnectingConnection>,
    /// Channels in confirm mode that nobody uses now. A batch in flight owns its channel, because lapin attaches a
    /// returned message to whichever confirm is pending on the channel.
    idle_channels: std::sync::Mutex<Vec<Channel>>,
    fanout_channel: Mutex<Option<Channel>>,
}

impl Publisher {
    pub(super) fn new(connection: Arc<ReconnectingConnection>) -> Self {
        Self { connection, idle_channels: std::sync::Mutex::default(), fanout_channel: Mutex::default() }
    }

    /// Declares the parts of the topology that are missing.
    pub(super) async fn declare_topology(&self) -> Result<(), BrokerError> {
        if let Some(channel) = self.take_idle_channel() {
            declare_topology(&*self.connection.get().await?, &channel).await?;
            self.return_channel(channel);
        } else {
            // Opening a channel declares the topology.
            self.return_channel(self.open_channel().await?);
        }
        Ok(())
    }

    /// Publishes a batch and waits for the confirms. Messages that no queue takes are published once more after the
    /// topology was declared again.
    pub(super) async fn publish(&self, exchange: &str, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        let mut results = self.publish_on(self.take_or_open_channel().await, exchange, batch).await;
        let is_returned = |result: &Result<(), BrokerError>| result.as_ref().is_err_and(BrokerError::is_unroutable);
        if results.iter().any(is_returned) {
            let returned = batch.iter().zip(&results).filter(|(_, result)| is_returned(result));
            let returned: Vec<OutboxMessage> = returned.map(|(message, _)| message.clone()).collect();
            let second = self.publish_on(self.open_channel().await, exchange, &returned).await;
            results.iter_mut().filter(|result| is_returned(result)).zip(second).for_each(|(result, new)| *result = new);
        }
        // After any other error the connection is not trusted any more.
        if results.iter().any(|result| result.as_ref().is_err_and(|error| !error.is_unroutable())) {
            self.disconnect();
        }
        results
    }

    /// Drops the connection and its channels; the next use opens new ones.
    fn disconnect(&self) {
        self.idle_channels().clear();
        self.connection.disconnect();
    }

    /// Publishes a batch on a channel. The channel is kept for the next batch unless a message failed.
    async fn publish_on(
        &self,
        channel: Result<Channel, BrokerError>,
        exchange: &str,
        batch: &[OutboxMessage],
    ) -> Vec<Result<(), BrokerError>> {
        match channel {
            Ok(channel) => {
                let results = publish_batch(&channel, exchange, batch).await;
                // After a failure the channel may still hold confirms and returned messages of this batch.
                if results.iter().all(Result::is_ok) {
                    self.return_channel(channel);
                }
                results
            }
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    async fn take_or_open_channel(&self) -> Result<Channel, BrokerError> {
        match self.take_idle_channel() {
            Some(channel) => Ok(channel),
            None => self.open_channel().await,
        }
    }

    /// Opens a channel in confirm mode, and declares the topology on it: a new channel often follows a lost connection,
    /// after which queues may be missing.
    async fn open_channel(&self) -> Result<Channel, BrokerError> {
        let connection = self.connection.get().await?;
        let channel = open_confirm_channel(&connection).await?;
        declare_topology(&connection, &channel).await?;
        Ok(channel)
    }

    fn take_idle_channel(&self) -> Option<Channel> {
        let mut idle = self.idle_channels();
        idle.retain(|channel| channel.status().connected());
        idle.pop()
    }

    fn return_channel(&self, channel: Channel) {
        self.idle_channels().push(channel);
    }

    fn idle_channels(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle_channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes to a fanout exchange and waits for the confirm, for a second at most. The message is neither
    /// persistent nor mandatory: it does not matter whether anybody is subscribed.
    #[expect(clippy::disallowed_methods, reason = "not an event: a replica that misses one loads or compares again")]
    pub(super) async fn publish_to_fanout(&self, exchange: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let mut slot = self.fanout_channel.lock().await;
        let sent = timeout(FANOUT_TIMEOUT, async {
            let connection = self.connection.get().await?;
            // On a blocked connection each message would wait for the whole time limit.
            if connection.status().blocked() {
                return Err(BrokerError::new("the broker takes no messages now"));
            }
            let channel = match slot.as_ref().filter(|channel| channel.status().connected()) {
                Some(open) => open.clone(),
                None => slot.insert(open_confirm_channel(&connection).await?).clone(),
            };
            let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
            let confirm =
                channel.basic_publish(short_string(exchange), short_string(""), options, payload, properties).await?;
            match confirm.await? {
                Confirmation::Ack(_) => Ok(()),
                _ => Err(BrokerError::new("the broker refused the message")),
            }
        });
        let sent = sent.await.unwrap_or_else(|_elapsed| {
            // A connection that does not answer may never do so again. It is given up here, because perhaps no other
            // message is published on it that would fail.
            self.disconnect();
            Err(BrokerError::new("the broker took too long"))
        });
        if sent.is_err() {
            *slot = None;
        }
        sent
    }

    /// Publishes a message to the dead-letter queue of `queue`, with the reason in the header `x-reason`, and waits for
    /// the confirm.
    #[expect(clippy::disallowed_methods, reason = "a dead letter is not an event")]
    pub(super) async fn publish_dead_letter(
        &self,
        queue: &str,
        payload: &[u8],
        reason: &str,
    ) -> Result<(), BrokerError> {
        let channel = self.take_or_open_channel().await?;
        let dead = topology::dead_letter_queue(queue);
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short_string(&uuid::Uuid::now_v7().to_string()))
            .with_headers(field_table(&[("x-reason", long_string(&reason))]));
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = async {
            let sent = channel.basic_publish(short_string(""), short_string(&dead), options, payload, properties);
            let confirm = with_timeout(sent).await?;
            match with_timeout(confirm).await? {
                // An acknowledgement that carries a returned message means that the dead-letter queue does not exist.
                Confirmation::Ack(None) => Ok(()),
                _ => Err(BrokerError::new(format!("{dead} did not take the message"))),
            }
        };
        let sent = sent.await;
        if sent.is_ok() {
            self.return_channel(channel);
        }
        sent
    }
}
