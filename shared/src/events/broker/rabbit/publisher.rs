//! The publishing side: one connection, a channel for each batch of messages that must arrive, one for what replicas tell
//! each other.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::declare::declare;
use super::{Line, PATIENCE, arguments, in_time, short, text};
use crate::events::broker::BrokerError;
use crate::events::outbox::OutboxMessage;
use crate::events::topology;

/// How long a broadcast may take: consumers wait for it before they acknowledge.
const BROADCAST: Duration = Duration::from_secs(1);

pub(super) struct Publisher {
    line: Arc<Line>,
    /// Those that nobody uses now. Whoever publishes owns one: lapin hands a returned message to any confirm that is
    /// pending on its channel.
    idle: std::sync::Mutex<Vec<Channel>>,
    broadcasts: Mutex<Option<Channel>>,
}

impl Publisher {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line, idle: std::sync::Mutex::default(), broadcasts: Mutex::default() }
    }

    /// Declares what is missing.
    pub(super) async fn declare(&self) -> Result<(), BrokerError> {
        if let Some(channel) = self.take_idle() {
            declare(&*self.line.connection().await?, &channel).await?;
            self.keep(channel);
        } else {
            self.keep(self.open().await?);
        }
        Ok(())
    }

    /// Publishes a batch. What no queue takes is sent once more after the topology was declared again.
    pub(super) async fn send(&self, exchange: &str, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        let mut results = self.try_send(self.channel().await, exchange, batch).await;
        let returned = |result: &Result<(), BrokerError>| result.as_ref().is_err_and(BrokerError::is_unroutable);
        if results.iter().any(returned) {
            let again: Vec<OutboxMessage> =
                batch.iter().zip(&results).filter(|(_, result)| returned(result)).map(|(m, _)| m.clone()).collect();
            let second = self.try_send(self.open().await, exchange, &again).await;
            results.iter_mut().filter(|result| returned(result)).zip(second).for_each(|(result, new)| *result = new);
        }
        if results.iter().any(|result| result.as_ref().is_err_and(|error| !error.is_unroutable())) {
            self.give_up();
        }
        results
    }

    /// Lets go of the connection with its channels; the next use makes a new one.
    fn give_up(&self) {
        self.idle().clear();
        self.line.give_up();
    }

    /// Publishes on a channel, which is kept unless something went wrong.
    async fn try_send(
        &self,
        channel: Result<Channel, BrokerError>,
        exchange: &str,
        batch: &[OutboxMessage],
    ) -> Vec<Result<(), BrokerError>> {
        match channel {
            Ok(channel) => {
                let results = publish_all(&channel, exchange, batch).await;
                if results.iter().all(Result::is_ok) {
                    self.keep(channel);
                }
                results
            }
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    /// A channel for messages.
    async fn channel(&self) -> Result<Channel, BrokerError> {
        match self.take_idle() {
            Some(channel) => Ok(channel),
            None => self.open().await,
        }
    }

    /// A new channel for messages, which declares the topology.
    async fn open(&self) -> Result<Channel, BrokerError> {
        let connection = self.line.connection().await?;
        let channel = confirming(&connection).await?;
        declare(&connection, &channel).await?;
        Ok(channel)
    }

    fn take_idle(&self) -> Option<Channel> {
        let mut idle = self.idle();
        idle.retain(|channel| channel.status().connected());
        idle.pop()
    }

    fn keep(&self, channel: Channel) {
        self.idle().push(channel);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever listens at a fanout exchange. Whether anybody does, does not matter.
    #[expect(clippy::disallowed_methods, reason = "not an event: who missed one loads, or compares, again")]
    pub(super) async fn broadcast(&self, exchange: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let mut slot = self.broadcasts.lock().await;
        let sent = timeout(BROADCAST, async {
            let connection = self.line.connection().await?;
            if connection.status().blocked() {
                return Err(BrokerError::new("the broker takes no messages now"));
            }
            let channel = match slot.as_ref().filter(|channel| channel.status().connected()) {
                Some(open) => open.clone(),
                None => slot.insert(confirming(&connection).await?).clone(),
            };
            let options = BasicPublishOptions::default();
            let confirm =
                channel.basic_publish(short(exchange), short(""), options, payload, BasicProperties::default()).await?;
            match confirm.await? {
                Confirmation::Ack(_) => Ok(()),
                _ => Err(BrokerError::new("the broker refused the message")),
            }
        });
        let sent = sent.await.unwrap_or_else(|_elapsed| {
            // A connection that does not answer may never do so again, and this may be all that is sent on it.
            self.give_up();
            Err(BrokerError::new("the broker took too long"))
        });
        if sent.is_err() {
            *slot = None;
        }
        sent
    }

    /// Puts a message into the dead letters of a queue.
    #[expect(clippy::disallowed_methods, reason = "a dead letter is not an event of ours")]
    pub(super) async fn park(&self, queue: &str, payload: &[u8], reason: &str) -> Result<(), BrokerError> {
        let channel = self.channel().await?;
        let dead = topology::dead_letter_queue(queue);
        let reason: String = reason.chars().take(1_000).collect();
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(short(&uuid::Uuid::now_v7().to_string()))
            .with_headers(arguments(&[("x-reason", text(&reason))]));
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = async {
            let confirm = in_time(channel.basic_publish(short(""), short(&dead), options, payload, properties)).await?;
            match in_time(confirm).await? {
                Confirmation::Ack(None) => Ok(()),
                _ => Err(BrokerError::new(format!("{dead} did not take the message"))),
            }
        };
        let sent = sent.await;
        if sent.is_ok() {
            self.keep(channel);
        }
        sent
    }
}

/// A channel whose messages are confirmed.
pub(super) async fn confirming(connection: &Connection) -> Result<Channel, BrokerError> {
    let channel = in_time(connection.create_channel()).await?;
    in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

pub(super) async fn confirmed(channel: &Channel, message: &OutboxMessage) -> Result<(), BrokerError> {
    publish_all(channel, "", std::slice::from_ref(message)).await.pop().unwrap_or(Ok(()))
}

/// Publishes a batch, all at once since each message would wait for lapin's thread, then awaits every confirm. lapin hands
/// a returned message to whichever confirm comes next, so the returns of the whole batch are collected by message id before
/// anything counts as safe.
#[expect(clippy::disallowed_methods, reason = "this is where the outbox leaves for the broker")]
async fn publish_all(channel: &Channel, exchange: &str, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let late = || BrokerError::new("the broker did not confirm in time");
    let publish = async |message: &OutboxMessage| {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type(short("application/cloudevents+json"))
            .with_message_id(short(&message.message_id));
        let (exchange, key) = match &message.target {
            Some(queue) => ("", queue.as_str()),
            None => (exchange, message.stream.as_str()),
        };
        let sent = channel.basic_publish(short(exchange), short(key), options, &message.payload, properties);
        match tokio::time::timeout_at(deadline, sent).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(BrokerError::from(error)),
            Err(_elapsed) => Err(late()),
        }
    };
    let pending = join_all(batch.iter().map(publish)).await;
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
                Ok(Ok(_)) => Err(BrokerError::new("the broker refused the message")),
                Ok(Err(error)) => Err(error.into()),
                Err(_elapsed) => Err(late()),
            },
        });
    }
    for (message, result) in batch.iter().zip(&mut results) {
        if returned.contains(&message.message_id) {
            *result = Err(BrokerError::unroutable(format!("no queue takes {}", message.stream)));
        }
    }
    results
}
