//! The contract of [`Broker`]: a message reaches the queues that it is for, comes again until it is acknowledged, and
//! waits among the dead letters if it cannot be applied.
#![expect(clippy::disallowed_methods, reason = "what a test leaves running ends with it")]

use std::sync::Arc;
use std::time::Duration;

use shared::events::broker::{Broker, DeadLetterAction, Subscription};
use shared::events::topology;
use shared::outbox::OutboxMessage;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use uuid::Uuid;

use crate::world::Databases;

/// The limit for everything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The time in which a message that must not come would come.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// Checks the whole contract. The queues are empty after each of its parts.
pub(crate) async fn check(broker: Arc<dyn Broker>, databases: &Databases) {
    let mut world = Contract::open(broker, databases).await;
    world.every_consumer_of_a_stream_gets_it_and_nobody_else().await;
    world.a_message_for_one_queue_reaches_that_one_alone().await;
    world.an_unacknowledged_message_comes_again().await;
    world.a_batch_is_no_larger_than_asked_and_acknowledged_as_a_whole().await;
    world.a_parked_message_waits_until_it_is_sent_again_or_dropped().await;
}

/// A broker, with subscriptions of three queues that the tests control by hand.
struct Contract {
    broker: Arc<dyn Broker>,
    posts: shared::work::Db,
    admin: shared::work::Db,
    users_at_posts: Box<dyn Subscription>,
    users_at_admin: Box<dyn Subscription>,
    posts_at_admin: Box<dyn Subscription>,
    _others: JoinSet<()>,
}

/// Returns a message with this text as its payload; brokers do not look into it.
pub(crate) fn message(stream: &str, target: Option<&str>, text: &str) -> OutboxMessage {
    OutboxMessage {
        id: 0,
        message_id: Uuid::now_v7().to_string(),
        stream: stream.to_owned(),
        target: target.map(str::to_owned),
        payload: text.as_bytes().to_owned(),
    }
}

impl Contract {
    async fn open(broker: Arc<dyn Broker>, databases: &Databases) -> Self {
        let (posts, admin) = (databases.open("posts").await, databases.open("admin").await);
        let open = async |service: &str, stream: &str, db| {
            broker.consume(&topology::queue(service, stream), db).await.unwrap()
        };
        let users_at_posts = open("posts", "user", &posts).await;
        let users_at_admin = open("admin", "user", &admin).await;
        let posts_at_admin = open("admin", "post", &admin).await;
        // The in-process broker confirms a message of users only when all three of its consumers have acknowledged it.
        let third = open("subscriptions", "user", &posts).await;
        let mut others = JoinSet::new();
        others.spawn(acknowledge_all(third));
        let mut world = Self { broker, posts, admin, users_at_posts, users_at_admin, posts_at_admin, _others: others };
        world.drain().await;
        world
    }

    /// Takes away the requests for resyncs, which the declaration of new queues has caused.
    async fn drain(&mut self) {
        while let Ok(Some(deliveries)) = timeout(QUIET, self.users_at_posts.next(100)).await {
            self.users_at_posts.ack(deliveries).await;
        }
    }

    /// Publishes as a relay does: again and again until the message is confirmed. The returned task ends with the
    /// confirm.
    fn publish(&self, message: OutboxMessage) -> JoinHandle<()> {
        let broker = Arc::clone(&self.broker);
        tokio::spawn(async move { while broker.publish(std::slice::from_ref(&message)).await[0].is_err() {} })
    }

    async fn every_consumer_of_a_stream_gets_it_and_nobody_else(&mut self) {
        let confirm = self.publish(message("user", None, "to all"));
        take(&mut self.users_at_posts, "to all").await;
        take(&mut self.users_at_admin, "to all").await;
        confirm.await.unwrap();
        assert!(timeout(QUIET, self.posts_at_admin.next(1)).await.is_err(), "posts are another stream");
    }

    async fn a_message_for_one_queue_reaches_that_one_alone(&mut self) {
        let confirm = self.publish(message("user", Some("admin.user.v1"), "to one"));
        take(&mut self.users_at_admin, "to one").await;
        confirm.await.unwrap();
        assert!(timeout(QUIET, self.users_at_posts.next(1)).await.is_err(), "it was for admin alone");
    }

    async fn an_unacknowledged_message_comes_again(&mut self) {
        let confirm = self.publish(message("user", Some("posts.user.v1"), "again"));
        let taken = timeout(PATIENCE, self.users_at_posts.next(1)).await.unwrap().unwrap();
        assert_eq!(taken[0].payload, b"again");
        // This is as if the process had died: the delivery and the connection to the queue are gone.
        drop(taken);
        self.users_at_posts = self.broker.consume("posts.user.v1", &self.posts).await.unwrap();
        take(&mut self.users_at_posts, "again").await;
        confirm.await.unwrap();
        assert!(timeout(QUIET, self.users_at_posts.next(1)).await.is_err(), "once acknowledged, it is gone");
    }

    async fn a_batch_is_no_larger_than_asked_and_acknowledged_as_a_whole(&mut self) {
        let batch: Vec<OutboxMessage> =
            (0..5).map(|n| message("user", Some("posts.user.v1"), &n.to_string())).collect();
        let broker = Arc::clone(&self.broker);
        let confirms = tokio::spawn(async move { broker.publish(&batch).await });
        let mut received = Vec::new();
        while received.len() < 5 {
            let deliveries = timeout(PATIENCE, self.users_at_posts.next(3)).await.unwrap().unwrap();
            assert!(deliveries.len() <= 3);
            received.extend(deliveries.iter().map(|delivery| delivery.payload.clone()));
            self.users_at_posts.ack(deliveries).await;
        }
        assert_eq!(received, [b"0", b"1", b"2", b"3", b"4"], "in the order of publication");
        assert!(confirms.await.unwrap().iter().all(Result::is_ok));
    }

    async fn a_parked_message_waits_until_it_is_sent_again_or_dropped(&mut self) {
        let queue = "admin.post.v1";
        for text in ["bad one", "bad two"] {
            let confirm = self.publish(message("post", Some(queue), text));
            let deliveries = timeout(PATIENCE, self.posts_at_admin.next(1)).await.unwrap().unwrap();
            self.posts_at_admin.park(&deliveries[0], "not a state").await.unwrap();
            // A parked message is acknowledged, too, so that it does not hold up its queue.
            self.posts_at_admin.ack(deliveries).await;
            confirm.await.unwrap();
        }
        assert_eq!(self.broker.count_dead_letters(queue, &self.admin).await.unwrap(), 2);
        let parked = self.broker.dead_letters(queue, &self.admin).await.unwrap();
        let texts: Vec<&str> = parked.iter().map(|letter| letter.payload.as_str()).collect();
        assert_eq!(texts, ["bad one", "bad two"]);
        assert!(parked.iter().all(|letter| letter.reason == "not a state" && letter.queue == queue));

        let first = [parked[0].id.clone()];
        assert_eq!(
            self.broker.settle_dead_letters(queue, Some(&first), DeadLetterAction::Redrive, &self.admin).await.unwrap(),
            1
        );
        // The in-process broker redrives through the outbox of the service, which needs a relay. RabbitMQ does not.
        let relay = tokio::spawn(shared::events::relay::run(
            self.admin.clone(),
            Arc::clone(&self.broker),
            shared::tasks::Cancel::new(),
        ));
        take(&mut self.posts_at_admin, "bad one").await;
        relay.abort();
        assert_eq!(self.broker.settle_dead_letters(queue, None, DeadLetterAction::Drop, &self.admin).await.unwrap(), 1);
        assert!(self.broker.dead_letters(queue, &self.admin).await.unwrap().is_empty());
        assert!(timeout(QUIET, self.posts_at_admin.next(1)).await.is_err(), "what was dropped does not come");
    }
}

/// Receives the next message, which must have this text, and acknowledges it.
async fn take(subscription: &mut Box<dyn Subscription>, text: &str) {
    let deliveries = timeout(PATIENCE, subscription.next(1)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&deliveries[0].payload), text);
    subscription.ack(deliveries).await;
}

async fn acknowledge_all(mut subscription: Box<dyn Subscription>) {
    while let Some(deliveries) = subscription.next(100).await {
        subscription.ack(deliveries).await;
    }
}
