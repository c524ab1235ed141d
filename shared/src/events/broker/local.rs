//! The in-process broker: a message is confirmed when every subscribed consumer has committed it.
//!
//! It stores nothing. Until the confirm, the message is safe in the owner's outbox.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Broker, BrokerError, DeadLetter, Delivery, Receipt, Subscription, Verdict};
use crate::db::Db;
use crate::events::dead_letters;
use crate::events::outbox::OutboxMessage;
use crate::events::topology::{self, ROUTES};

/// How long a confirm may take; as with RabbitMQ, a message that takes longer is sent again.
const CONFIRM: Duration = Duration::from_secs(10);
/// Messages that wait in one queue's memory.
const QUEUE: usize = 1_024;

/// The broker of the one-process suite.
pub struct LocalBroker {
    services: Vec<&'static str>,
    queues: Mutex<HashMap<String, mpsc::Sender<Delivery>>>,
    /// The receivers of what services tell each other, by service.
    hearing: Mutex<HashMap<String, mpsc::Sender<Vec<u8>>>>,
    opened: Notify,
    record: Option<Mutex<Vec<OutboxMessage>>>,
}

impl LocalBroker {
    /// A broker for a process that runs these services; queues of others do not exist.
    pub fn new(services: &[&'static str]) -> Self {
        Self {
            services: services.to_vec(),
            queues: Mutex::default(),
            hearing: Mutex::default(),
            opened: Notify::new(),
            record: None,
        }
    }

    /// The same, and it remembers what was published, for tests.
    pub fn recording(services: &[&'static str]) -> Self {
        Self { record: Some(Mutex::default()), ..Self::new(services) }
    }

    /// Takes what was published since the last call.
    pub fn take_recorded(&self) -> Vec<OutboxMessage> {
        self.record.as_ref().map(|record| std::mem::take(&mut *locked(record))).unwrap_or_default()
    }

    /// Puts recorded messages back in front.
    pub fn put_back(&self, messages: Vec<OutboxMessage>) {
        if let Some(record) = &self.record {
            locked(record).splice(0..0, messages);
        }
    }

    fn targets(&self, message: &OutboxMessage) -> Vec<String> {
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

    /// The consumer of a queue; while the suite starts, one may still be on its way.
    async fn consumer_of(&self, queue: &str) -> mpsc::Sender<Delivery> {
        loop {
            let opened = self.opened.notified();
            if let Some(sender) = locked(&self.queues).get(queue) {
                return sender.clone();
            }
            opened.await;
        }
    }

    async fn hand_over(&self, message: &OutboxMessage) -> Result<Vec<oneshot::Receiver<()>>, BrokerError> {
        let mut confirms = Vec::new();
        for queue in self.targets(message) {
            let sender = self.consumer_of(&queue).await;
            let (confirm, confirmed) = oneshot::channel();
            let delivery = Delivery { payload: message.payload.clone(), receipt: Receipt::Local(confirm) };
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
    async fn declare(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        if let Some(record) = &self.record {
            locked(record).extend_from_slice(batch);
        }
        let deadline = tokio::time::Instant::now() + CONFIRM;
        let late = |_elapsed| BrokerError::new("the consumers took too long");
        let mut waiting = Vec::with_capacity(batch.len());
        for message in batch {
            let handed = tokio::time::timeout_at(deadline, self.hand_over(message)).await.map_err(late);
            waiting.push(handed.and_then(|handed| handed));
        }
        let mut results = Vec::with_capacity(batch.len());
        for confirms in waiting {
            results.push(match confirms {
                Err(error) => Err(error),
                Ok(confirms) => {
                    let all = futures_util::future::try_join_all(confirms);
                    match tokio::time::timeout_at(deadline, all).await {
                        Ok(Ok(_)) => Ok(()),
                        Ok(Err(_)) => Err(BrokerError::new("a consumer gave the message back")),
                        Err(elapsed) => Err(late(elapsed)),
                    }
                }
            });
        }
        results
    }

    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        locked(&self.queues).insert(queue.to_owned(), sender);
        self.opened.notify_waiters();
        Ok(Box::new(LocalSubscription { queue: queue.to_owned(), receiver, db: db.clone() }))
    }

    async fn broadcast(&self, _service: &str, _payload: &[u8]) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn listen(&self, _service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        Ok(stream::pending().boxed())
    }

    async fn tell(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        let sender = locked(&self.hearing).get(service).cloned();
        let sender = sender.ok_or_else(|| BrokerError::new(format!("{service} does not listen")))?;
        sender.try_send(payload.to_vec()).map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn hear(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        locked(&self.hearing).insert(service.to_owned(), sender);
        Ok(stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) }).boxed())
    }

    fn reaches(&self, service: &str) -> bool {
        self.services.contains(&service)
    }

    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        dead_letters::list(db, queue).await.map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError> {
        dead_letters::count(db, queue).await.map_err(|error| BrokerError::new(error.to_string()))
    }

    async fn settle(&self, queue: &str, ids: Option<&[String]>, verdict: Verdict, db: &Db) -> Result<u64, BrokerError> {
        dead_letters::settle(db, queue, ids, verdict).await.map_err(|error| BrokerError::new(error.to_string()))
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
                Some(None) | None => break,
            }
        }
        Some(deliveries)
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            if let Receipt::Local(confirm) = delivery.receipt {
                // Nobody waits any more when the relay ran out of time; the message then comes again.
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
