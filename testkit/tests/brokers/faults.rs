//! A broker that misbehaves as real ones may: messages and confirms get lost, come twice, late and out of order, and
//! consumers stop before or after they have acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use shared::db::Db;
use shared::events::broker::{Broker, BrokerError, DeadLetter, Delivery, Subscription, Verdict};
use shared::events::outbox::OutboxMessage;

use crate::process::Link;

/// The seeded decisions, and whether faults happen at all.
#[derive(Clone)]
pub(crate) struct Faults {
    rng: Arc<Mutex<StdRng>>,
    calm: Arc<AtomicBool>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), calm: Arc::default() }
    }

    /// The broker with these faults in front.
    pub(crate) fn before(&self, link: Link) -> Link {
        let broker = FaultyBroker { inner: link.broker, dice: self.clone(), late: Mutex::default() };
        Link { broker: Arc::new(broker), wire: link.wire }
    }

    /// No more faults from now on.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    fn fails(&self, probability: f64) -> bool {
        !self.calm.load(Ordering::Relaxed) && self.rng.lock().unwrap().random_bool(probability)
    }
}

/// Another broker with faults in front.
struct FaultyBroker {
    inner: Arc<dyn Broker>,
    dice: Faults,
    /// Copies of messages that come later, as from a relay that was cut off.
    late: Mutex<Vec<OutboxMessage>>,
}

#[async_trait]
impl Broker for FaultyBroker {
    async fn declare(&self) -> Result<(), BrokerError> {
        self.inner.declare().await
    }

    async fn publish(&self, batch: &[OutboxMessage]) -> Vec<Result<(), BrokerError>> {
        let mut results: Vec<Result<(), BrokerError>> = Vec::with_capacity(batch.len());
        let mut sent: Vec<(Option<usize>, OutboxMessage)> = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            results.push(Ok(()));
            if self.dice.fails(0.1) {
                results[index] = Err(BrokerError::new("lost on the way"));
                continue;
            }
            sent.push((Some(index), message.clone()));
            if self.dice.fails(0.2) {
                self.late.lock().unwrap().push(message.clone());
            }
        }
        if self.dice.fails(0.5) || self.dice.calm.load(Ordering::Relaxed) {
            sent.extend(std::mem::take(&mut *self.late.lock().unwrap()).into_iter().map(|message| (None, message)));
        }
        sent.shuffle(&mut *self.dice.rng.lock().unwrap());
        let messages: Vec<OutboxMessage> = sent.iter().map(|(_, message)| message.clone()).collect();
        for ((index, _), result) in sent.iter().zip(self.inner.publish(&messages).await) {
            let Some(index) = index else { continue };
            results[*index] = result;
            if self.dice.fails(0.1) {
                results[*index] = Err(BrokerError::new("the confirm was lost"));
            }
        }
        results
    }

    async fn consume(&self, queue: &str, db: &Db) -> Result<Box<dyn Subscription>, BrokerError> {
        let inner = self.inner.consume(queue, db).await?;
        Ok(Box::new(FaultySubscription { inner, dice: self.dice.clone(), dead: false }))
    }

    async fn broadcast(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.inner.broadcast(service, payload).await
    }

    async fn listen(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.inner.listen(service).await
    }

    async fn tell(&self, service: &str, payload: &[u8]) -> Result<(), BrokerError> {
        self.inner.tell(service, payload).await
    }

    async fn hear(&self, service: &str) -> Result<BoxStream<'static, Vec<u8>>, BrokerError> {
        self.inner.hear(service).await
    }

    fn reaches(&self, service: &str) -> bool {
        self.inner.reaches(service)
    }

    async fn dead_letters(&self, queue: &str, db: &Db) -> Result<Vec<DeadLetter>, BrokerError> {
        self.inner.dead_letters(queue, db).await
    }

    async fn count_dead_letters(&self, queue: &str, db: &Db) -> Result<u64, BrokerError> {
        self.inner.count_dead_letters(queue, db).await
    }

    async fn settle(&self, queue: &str, ids: Option<&[String]>, verdict: Verdict, db: &Db) -> Result<u64, BrokerError> {
        self.inner.settle(queue, ids, verdict, db).await
    }

    async fn is_up(&self) -> bool {
        self.inner.is_up().await
    }
}

struct FaultySubscription {
    inner: Box<dyn Subscription>,
    dice: Faults,
    dead: bool,
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, max: usize) -> Option<Vec<Delivery>> {
        if self.dead {
            return None;
        }
        // Small batches, so that there are many seams between them.
        self.inner.next(max.min(7)).await
    }

    async fn ack(&mut self, deliveries: Vec<Delivery>) {
        if self.dice.fails(0.1) {
            // Killed between commit and acknowledgement: everything comes again.
            self.dead = true;
            return;
        }
        self.inner.ack(deliveries).await;
        if self.dice.fails(0.05) {
            // Stops right after the acknowledgement, until somebody kills the process.
            std::future::pending::<()>().await;
        }
    }

    async fn park(&mut self, delivery: &Delivery, reason: &str) -> Result<(), BrokerError> {
        self.inner.park(delivery, reason).await
    }
}
