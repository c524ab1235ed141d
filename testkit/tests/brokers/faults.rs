//! A wrapper of a broker that injects faults which also happen with real brokers and networks: messages and confirms
//! get lost, messages come twice, late and out of order, and consumers stop before or after an acknowledgement.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use shared::events::broker::{Broker, BrokerError, DeadLetter, DeadLetterAction, Delivery, Subscription};
use shared::outbox::OutboxMessage;
use shared::work::Db;

use crate::process::Link;

/// The random decisions of all faulty brokers of a test, and the switch that ends the faults.
#[derive(Clone)]
pub(crate) struct Faults {
    rng: Arc<Mutex<StdRng>>,
    stopped: Arc<AtomicBool>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), stopped: Arc::default() }
    }

    /// Returns a link whose broker has these faults.
    pub(crate) fn wrap(&self, link: Link) -> Link {
        let broker = FaultyBroker { inner: link.broker, faults: self.clone(), late: Mutex::default() };
        Link { broker: Arc::new(broker), transport: link.transport }
    }

    /// Ends all faults, for every broker.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Decides whether a fault with this probability happens. None happens after [`Self::stop`].
    fn happens(&self, probability: f64) -> bool {
        !self.stopped.load(Ordering::Relaxed) && self.rng.lock().unwrap().random_bool(probability)
    }
}

/// A broker behind faults.
struct FaultyBroker {
    inner: Arc<dyn Broker>,
    faults: Faults,
    /// Copies of sent messages that are sent once more later, as by a relay that died before it noted the confirm.
    late: Mutex<Vec<OutboxMessage>>,
}

#[async_trait]
impl Broker for FaultyBroker {
    async fn declare_topology(&self) -> Result<(), BrokerError> {
        self.inner.declare_topology().await
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        let mut results: Vec<Result<(), BrokerError>> = Vec::with_capacity(batch.len());
        let mut sent: Vec<(Option<usize>, OutboxMessage)> = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            results.push(Ok(()));
            if self.faults.happens(0.1) {
                results[index] = Err(BrokerError::new("lost on the way"));
                continue;
            }
            // A late copy may overtake newer messages, which is what rule R5 is about.
            sent.push((Some(index), message.clone()));
            if self.faults.happens(0.2) {
                self.late.lock().unwrap().push(message.clone());
            }
        }
        if self.faults.happens(0.5) || self.faults.stopped.load(Ordering::Relaxed) {
            sent.extend(std::mem::take(&mut *self.late.lock().unwrap()).into_iter().map(|message| (None, message)));
        }
        sent.shuffle(&mut *self.faults.rng.lock().unwrap());
        let messages: Vec<OutboxMessage> = sent.iter().map(|(_, message)| message.clone()).collect();
        for ((index, _), result) in sent.iter().zip(self.inner.publish(&messages).await) {
            let Some(index) = index else { continue };
            results[*index] = result;
            // The message is there, but the relay does not know and sends it again.
            if self.faults.happens(0.1) {
                results[*index] = Err(BrokerError::new("the confirm was lost"));
            }
        }
        results
    }

    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let inner = self.inner.consume(queue, db).await?;
        Ok(Box::new(FaultySubscription { inner, faults: self.faults.clone(), dead: false }))
    }

    async fn publish_to_replicas(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.inner.publish_to_replicas(service, payload).await
    }

    async fn subscribe_to_replicas(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.inner.subscribe_to_replicas(service).await
    }

    async fn publish_to_comparison(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.inner.publish_to_comparison(service, payload).await
    }

    async fn subscribe_to_comparison(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.inner.subscribe_to_comparison(service).await
    }

    fn can_reach(&self, service: &str) -> bool {
        self.inner.can_reach(service)
    }

    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        self.inner.dead_letters(queue, db).await
    }

    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError> {
        self.inner.count_dead_letters(queue, db).await
    }

    async fn settle_dead_letters(
        &self,
        queue: &str,
        ids: Option<&[String]>,
        action: DeadLetterAction,
        db: &Db,
    ) -> Result<u64, BrokerError> {
        self.inner.settle_dead_letters(queue, ids, action, db).await
    }

    async fn is_up(&self) -> bool {
        self.inner.is_up().await
    }
}

/// A subscription behind faults.
struct FaultySubscription {
    inner: Box<dyn Subscription>,
    faults: Faults,
    dead: bool,
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        if self.dead {
            return None;
        }
        // Small batches, so that a crash falls between two of them more often.
        self.inner.next(max.min(7)).await
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        if self.faults.happens(0.1) {
            // This is as if the process was killed between commit and acknowledgement: the whole batch comes again.
            self.dead = true;
            return;
        }
        self.inner.ack(deliveries).await;
        if self.faults.happens(0.05) {
            // Hangs right after the acknowledgement, until the process is killed.
            std::future::pending::<()>().await;
        }
    }

    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        self.inner.park(delivery, reason).await
    }
}
