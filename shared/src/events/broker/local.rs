//! The in-process broker of the one-process form: a message is confirmed when every consumer of its stream has
//! committed it.
//!
//! The broker stores nothing. Until the confirm, the message is safe in the owner's outbox. One process is one replica
//! of each service, so messages to other replicas go nowhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Broker, BrokerError, DeadLetter, DeadLetterAction, Delivery, Receipt, Subscription};
use crate::events::dead_letters;
use crate::events::topology::{self, ROUTES};
use crate::outbox::OutboxMessage;
use crate::work::Db;

/// The longest time for the confirms of a batch. As with RabbitMQ, a message that takes longer is published again.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The most messages that wait in the memory of one queue. While a queue is full, publishing to it waits
/// (backpressure).
const CAPACITY: usize = 1_024;

/// The broker of a process that runs several services.
pub struct LocalBroker {
    services: Vec<&'static str>,
    /// The senders to the consumers, by the names of their queues.
    consumers: Mutex<HashMap<String, mpsc::Sender<Delivery>>>,
    /// The senders to the subscribers of the comparison, by service.
    comparisons: Mutex<HashMap<String, mpsc::Sender<Vec<u8>>>>,
    /// Wakes publishers that wait for a queue to get its consumer.
    consumer_added: Notify,
    recorded: Option<Mutex<Vec<OutboxMessage>>>,
}

impl LocalBroker {
    /// Creates a broker for a process that runs these services. Queues of other services do not exist.
    pub fn new(services: &[&'static str]) -> Self {
        Self {
            services: services.to_vec(),
            consumers: Mutex::default(),
            comparisons: Mutex::default(),
            consumer_added: Notify::new(),
            recorded: None,
        }
    }

    /// Creates a broker that also records every published message, for tests.
    pub fn recording(services: &[&'static str]) -> Self {
        Self { recorded: Some(Mutex::default()), ..Self::new(services) }
    }

    /// Takes the messages that were recorded since the last call; empty if the broker does not record.
    pub fn take_recorded(&self) -> Vec<OutboxMessage> {
        self.recorded.as_ref().map(|recorded| std::mem::take(&mut *locked(recorded))).unwrap_or_default()
    }

    /// Puts taken messages back in front of the recorded ones.
    pub fn prepend_recorded(&self, messages: Vec<OutboxMessage>) {
        if let Some(recorded) = &self.recorded {
            locked(recorded).splice(0..0, messages);
        }
    }

    /// Returns the names of the queues that a message goes to: its target, or the queues of its stream's consumers.
    /// Queues of services that do not run in this process are left out.
    fn target_queues(&self, message: &OutboxMessage) -> Vec<String> {
        if let Some(target) = &message.target {
            let known = self.services.iter().any(|service| target.starts_with(&format!("{service}.")));
            return if known { vec![target.clone()] } else { Vec::new() };
        }
        let routes = ROUTES.iter().filter(|route| route.stream == message.stream);
        let consumers = routes.flat_map(|route| route.consumers.iter());
        consumers
            .filter(|service| self.services.contains(service))
            .map(|service| topology::queue(service, &message.stream))
            .collect()
    }

    /// Waits for the consumer of a queue, and returns the sender to it. While the process starts, the service of the
    /// queue may not have subscribed yet.
    async fn wait_for_consumer(&self, queue: &str) -> mpsc::Sender<Delivery> {
        loop {
            // Created before the map is read, so that a consumer that is added in between is not missed.
            let added = self.consumer_added.notified();
            if let Some(sender) = locked(&self.consumers).get(queue) {
                return sender.clone();
            }
            added.await;
        }
    }

    /// Delivers a message to all of its queues. Returns one receiver for each queue, which learns of the consumer's
    /// commit.
    async fn deliver(&self, message: &OutboxMessage) -> Result<Vec<oneshot::Receiver<()>>, BrokerError> {
        let mut confirms = Vec::new();
        for queue in self.target_queues(message) {
            let sender = self.wait_for_consumer(&queue).await;
            let (confirm, confirmed) = oneshot::channel();
            let delivery = Delivery { payload: message.payload.clone(), receipt: Receipt::Local(confirm) };
            // Waits while the queue is full, which slows the relay down.
            sender
                .send(delivery)
                .await
                .map_err(|_closed| BrokerError::new(format!("the consumer of {queue} has ended")))?;
            confirms.push(confirmed);
        }
        Ok(confirms)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Broker for LocalBroker {
    async fn declare_topology(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        if let Some(recorded) = &self.recorded {
            locked(recorded).extend_from_slice(batch);
        }
        let deadline = tokio::time::Instant::now() + CONFIRM_TIMEOUT;
        let late = |_elapsed| BrokerError::new("the consumers took too long");
        // All messages are delivered before the first confirm is awaited, so that consumers can commit them together.
        let mut waiting = Vec::with_capacity(batch.len());
        for message in batch {
            let delivered = tokio::time::timeout_at(deadline, self.deliver(message)).await.map_err(late);
            waiting.push(delivered.and_then(|confirms| confirms));
        }
        let mut results = Vec::with_capacity(batch.len());
        for confirms in waiting {
            results.push(match confirms {
                Err(error) => Err(error),
                Ok(confirms) => {
                    let all = futures_util::future::try_join_all(confirms);
                    match tokio::time::timeout_at(deadline, all).await {
                        Ok(Ok(_)) => Ok(()),
                        // The receipt was dropped without an acknowledgement.
                        Ok(Err(_)) => Err(BrokerError::new("a consumer gave the message back")),
                        Err(elapsed) => Err(late(elapsed)),
                    }
                }
            });
        }
        results
    }

    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        // Replaces the queue's last consumer, whose subscription then ends.
        let (sender, receiver) = mpsc::channel(CAPACITY);
        locked(&self.consumers).insert(queue.to_owned(), sender);
        self.consumer_added.notify_waiters();
        Ok(Box::new(LocalSubscription { queue: queue.to_owned(), receiver, db: db.clone() }))
    }

    async fn publish_to_replicas(&self, _service: &str, _payload: &[u8]) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn subscribe_to_replicas(&self, _service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        // Pending for ever, because the end of the stream would make the replica load its memory again.
        Ok(stream::pending().boxed())
    }

    async fn publish_to_comparison(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let sender = locked(&self.comparisons).get(service).cloned();
        let sender = sender.ok_or_else(|| BrokerError::new(format!("{service} does not listen")))?;
        // Never waits: a message that does not fit is lost, as on RabbitMQ's fanout exchange.
        sender.try_send(payload.to_vec()).map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn subscribe_to_comparison(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        locked(&self.comparisons).insert(service.to_owned(), sender);
        Ok(stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) }).boxed())
    }

    fn can_reach(&self, service: &str) -> bool {
        self.services.contains(&service)
    }

    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        dead_letters::list(db, queue).await.map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError> {
        dead_letters::count(db, queue).await.map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn settle_dead_letters(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        action: DeadLetterAction,
        db: &Db,
    ) -> Result<u64, BrokerError> {
        dead_letters::settle(db, queue, ids, action).await.map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn is_up(&self) -> bool {
        true
    }
}

struct LocalSubscription {
    queue: String,
    receiver: mpsc::Receiver<Delivery>,
    db: Db,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        let mut deliveries = vec![self.receiver.recv().await?];
        while deliveries.len() < max {
            match self.receiver.recv().now_or_never() {
                Some(Some(delivery)) => deliveries.push(delivery),
                // Nothing more is ready, or another consumer has taken the queue over; the next call tells which.
                Some(None) | None => break,
            }
        }
        Some(deliveries)
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            if let Receipt::Local(confirm) = delivery.receipt {
                // Nobody waits any more when the relay's time limit has passed; the relay then publishes the message
                // again.
                let _late = confirm.send(());
            }
        }
    }

    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        dead_letters::park(&self.db, &self.queue, &delivery.payload, reason)
            .await
            .map_err(|error| BrokerError::new(error.to_string()))
    }
}
