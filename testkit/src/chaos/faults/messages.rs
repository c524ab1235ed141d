//! Faults of messages: they come twice (F17) or out of order (F18), cannot be applied (F19, F29), pile up (F20), or do
//! not come because a binding is missing (F10b).
//!
//! A client of the broker, which is none of the services, causes these faults. It works on the real queues, so the
//! services see no difference.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::clients::resident;
use super::{Scene, output};
use crate::stack::Addresses;

/// The limit for everything that is awaited here: dead letters, grown queues, consumers that catch up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The limit for a consumer's resident memory, in KiB. This leaves room for the prefetched messages and a batch of
/// states.
const MEMORY_LIMIT: u64 = 600 * 1024;

async fn connect(addresses: &Addresses) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("chaos".into());
    Ok(Connection::connect(&addresses.amqp_url, properties).await?)
}

/// Opens a channel on which the broker confirms each message.
async fn open_confirming_channel(connection: &Connection) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Publishes a persistent message directly to a queue, without the exchange `chatty.events`, and waits until the broker
/// has confirmed it.
#[expect(clippy::disallowed_methods, reason = "it stands for what goes wrong outside of the services")]
async fn put(channel: &Channel, queue: &str, properties: BasicProperties, payload: &[u8]) -> Result<()> {
    let (exchange, queue) = (ShortString::from(""), ShortString::from(queue));
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange, queue, options, payload, properties.with_delivery_mode(2)).await?;
    ensure!(sent.await?.is_ack(), "the broker did not take a message");
    Ok(())
}

/// A way to disturb the messages of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shuffle {
    /// One of five messages is sent twice.
    Doubled,
    /// Messages are held back for 700 ms, and sent on in random order.
    Reordered,
}

/// Running consumers that compete with those of the services. They take messages, hold them for a while, and put them
/// back into the same queues.
pub(super) struct Shuffling {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<usize>>,
    _connection: Connection,
}

/// Starts a consumer on each of these queues, which competes with the service's own.
pub(super) async fn start_shuffling(addresses: &Addresses, queues: &[&str], how: Shuffle) -> Result<Shuffling> {
    let connection = connect(addresses).await?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for queue in queues {
        let channel = open_confirming_channel(&connection).await?;
        tasks.spawn(shuffle(channel, (*queue).to_owned(), how, stopped.clone()));
    }
    Ok(Shuffling { stop, tasks, _connection: connection })
}

impl Shuffling {
    /// Ends the consumers after they have put back all messages that they hold. Returns the number of messages that
    /// they have taken.
    pub(super) async fn stop(mut self) -> Result<usize> {
        self.stop.send_replace(true);
        let mut passed = 0;
        while let Some(task) = self.tasks.join_next().await {
            passed += task??;
        }
        Ok(passed)
    }
}

/// Takes messages, holds them for a while, and puts them back, until `stop` is true. Returns the number of messages
/// taken.
async fn shuffle(channel: Channel, queue: String, how: Shuffle, stop: watch::Receiver<bool>) -> Result<usize> {
    channel.basic_qos(200, BasicQosOptions::default()).await?;
    let (name, tag) = (ShortString::from(queue.as_str()), ShortString::from(""));
    let mut consumer = channel.basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
    let mut passed = 0;
    while !*stop.borrow() {
        let mut held: Vec<Delivery> = Vec::new();
        let end = Instant::now() + Duration::from_millis(if how == Shuffle::Reordered { 700 } else { 50 });
        while let Ok(next) = timeout(end.saturating_duration_since(Instant::now()), consumer.next()).await {
            held.push(next.context("the shuffler lost its queue")??);
        }
        passed += held.len();
        held.shuffle(&mut rand::rng());
        for delivery in held {
            let times = if how == Shuffle::Doubled && rand::rng().random_bool(0.2) { 2 } else { 1 };
            for _ in 0..times {
                put(&channel, &queue, delivery.properties.clone(), &delivery.data).await?;
            }
            // The message is acknowledged only after its copy is confirmed: a broken connection must repeat a message,
            // never lose one.
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        // In this pause the service's own consumer gets the messages.
        sleep(Duration::from_millis(100)).await;
    }
    channel.close(200, ShortString::from("done")).await?;
    Ok(passed)
}

/// One queue of each service.
const QUEUES: [&str; 5] = [
    "posts.user.v1",
    "subscriptions.post.v1",
    "admin.post_counts.v1",
    "recommendations.like.v1",
    "auth.moderation.user.v1",
];

/// Sends about one of five messages twice, on a queue of each service, for a while (F17).
pub(super) async fn duplicate(scene: &mut Scene<'_>) -> Result<()> {
    shuffle_for_a_while(scene, Shuffle::Doubled).await
}

/// Delays and reorders messages, on a queue of each service, for a while (F18).
pub(super) async fn reorder(scene: &mut Scene<'_>) -> Result<()> {
    shuffle_for_a_while(scene, Shuffle::Reordered).await
}

async fn shuffle_for_a_while(scene: &mut Scene<'_>, how: Shuffle) -> Result<()> {
    let shuffle = start_shuffling(scene.stack.addresses(), &QUEUES, how).await?;
    sleep(scene.random_outage() * 2).await;
    // Without any message the fault would prove nothing. The workload sends messages all the time.
    ensure!(shuffle.stop().await? > 0, "no message came by");
    Ok(())
}

/// Encodes a message as a service would, with any type and any data.
fn envelope(kind: &str, data: &Value) -> Vec<u8> {
    let message = json!({
        "specversion": "1.0", "id": "chaos", "source": "/chaos", "type": kind, "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json", "data": data
    });
    message.to_string().into_bytes()
}

/// Removes the binding of one copy's queue, while the queues of other copies keep theirs (F10b). The broker still
/// routes and confirms each message, so nobody notices that this copy gets none until the binding is restored.
pub(super) async fn remove_binding(scene: &mut Scene<'_>) -> Result<()> {
    let bindings =
        [("subscriptions", "user"), ("subscriptions", "post"), ("recommendations", "post"), ("admin", "post_counts")];
    let (service, stream) = scene.choose(&bindings)?;
    let queue = format!("{service}.{stream}.v1");
    let connection = connect(scene.stack.addresses()).await?;
    let channel = connection.create_channel().await?;
    let [queue, exchange, key] = [queue.as_str(), "chatty.events", stream].map(ShortString::from);
    channel.queue_unbind(queue, exchange, key, FieldTable::default()).await?;
    connection.close(200, ShortString::from("done")).await?;
    // This gives the workload time to publish messages that this copy misses.
    sleep(scene.random_outage() * 2).await;
    Ok(())
}

/// Puts messages that no consumer can apply into a queue (F19). Each of them has to become a dead letter with a reason,
/// and the consumer has to go on with the queue.
pub(super) async fn poison(scene: &mut Scene<'_>) -> Result<()> {
    let queue = "recommendations.like.v1";
    let like =
        |id: Value, version: Value| json!([{ "user_id": id, "post_id": 1, "version": version, "deleted": false }]);
    let poison = [
        vec![0xff, 0xfe, 0xfd],
        b"{\"specversion\":".to_vec(),
        envelope("chatty.unknown.v1", &like(json!(1), json!(1))),
        envelope("chatty.like.v2", &like(json!(1), json!(1))),
        envelope("chatty.like.v1", &like(json!("one"), json!(1))),
        envelope("chatty.like.v1", &like(json!(1), json!(i64::MAX))),
        vec![b'x'; 16 * 1024 * 1024],
    ];
    let connection = connect(scene.stack.addresses()).await?;
    let channel = open_confirming_channel(&connection).await?;
    for payload in &poison {
        put(&channel, queue, BasicProperties::default(), payload).await?;
    }
    connection.close(200, ShortString::from("done")).await?;
    drop_letters(scene, queue, poison.len()).await
}

/// Puts messages of an older version into the queue of a service that is down (F29). They have to become dead letters
/// and not get lost, also when an operator sends them again.
pub(super) async fn leave_old(scene: &mut Scene<'_>) -> Result<()> {
    let queue = "subscriptions.post.v1";
    scene.stack.kill("subscriptions")?;
    let connection = connect(scene.stack.addresses()).await?;
    let channel = open_confirming_channel(&connection).await?;
    for id in 1..=3 {
        let old = envelope("chatty.post.v0", &json!([{ "id": id, "version": 1, "text": "as it was once" }]));
        put(&channel, queue, BasicProperties::default(), &old).await?;
    }
    connection.close(200, ShortString::from("done")).await?;
    scene.stack.restart("subscriptions").await?;
    await_letters(scene, queue, 3).await?;
    let again = scene.run_chatty(&["dead-letters", "redrive", queue]).await?;
    ensure!(again.status.success(), "redrive: {}", String::from_utf8_lossy(&again.stderr));
    drop_letters(scene, queue, 3).await
}

/// Waits for this number of dead letters, and drops them as an operator does, so that the run can come to rest.
async fn drop_letters(scene: &Scene<'_>, queue: &str, count: usize) -> Result<()> {
    await_letters(scene, queue, count).await?;
    let dropped = scene.run_chatty(&["dead-letters", "drop", queue]).await?;
    ensure!(dropped.status.success(), "drop: {}", String::from_utf8_lossy(&dropped.stderr));
    Ok(())
}

/// Waits until a queue has this number of dead letters, each with a reason.
async fn await_letters(scene: &Scene<'_>, queue: &str, count: usize) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let listed = scene.run_chatty(&["dead-letters", "list", "--json"]).await?;
        let letters: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        let letters: Vec<&Value> = letters.iter().filter(|letter| letter["queue"] == queue).collect();
        if letters.len() == count {
            let unexplained = letters.iter().filter(|letter| letter["reason"].as_str().is_none_or(str::is_empty));
            ensure!(unexplained.count() == 0, "a dead letter has no reason");
            return Ok(());
        }
        if Instant::now() > end || letters.len() > count {
            bail!("{queue} has {} dead letters instead of {count}", letters.len());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Puts a million states, all of which a service knows already, into its queue, and starts the service so that it needs
/// 200 ms for each batch (F20). The service has to get through without holding all of them in memory.
pub(super) async fn pile_up(scene: &mut Scene<'_>) -> Result<()> {
    let (service, queue) = ("recommendations", "recommendations.like.v1");
    let known = "SELECT json_agg(json_build_object('user_id', user_id, 'post_id', post_id, 'version', version, \
                 'deleted', NOT active)) FROM likes";
    let end = Instant::now() + PATIENCE;
    let known = loop {
        let known: Vec<Value> = serde_json::from_str(scene.psql("posts", known).await?.trim()).unwrap_or_default();
        if !known.is_empty() {
            break known;
        }
        ensure!(Instant::now() < end, "nobody likes anything");
        sleep(Duration::from_millis(100)).await;
    };
    // 8 times 500 messages of 250 states.
    let states: Vec<&Value> = known.iter().cycle().take(250).collect();
    let message = envelope("chatty.like.v1", &json!(states));
    scene.stack.kill(service)?;
    let connection = connect(scene.stack.addresses()).await?;
    let channel = open_confirming_channel(&connection).await?;
    for _ in 0..8 {
        let puts = (0..500).map(|_| put(&channel, queue, BasicProperties::default(), &message));
        futures_util::future::try_join_all(puts).await?;
    }
    connection.close(200, ShortString::from("done")).await?;
    // The broker updates its counts only every few seconds.
    let end = Instant::now() + PATIENCE;
    while count_messages(scene, queue).await? < 4_000 {
        ensure!(Instant::now() < end, "the queue has not grown");
    }
    scene.stack.restart_with(service, &[("FAILPOINTS", "before_ack=sleep(200)")]).await?;
    let end = Instant::now() + PATIENCE;
    loop {
        let memory = resident(scene.stack.pid(service)?)?;
        ensure!(memory < MEMORY_LIMIT, "{service} has {memory} KiB in memory");
        let waiting = count_messages(scene, queue).await?;
        // The workload's likes keep coming, so the queue is never empty for long.
        if waiting < 50 {
            break;
        }
        ensure!(Instant::now() < end, "{waiting} messages still wait for {service}");
    }
    scene.stack.restart(service).await
}

/// Returns the number of messages of a queue, including those that a consumer has not acknowledged yet.
async fn count_messages(scene: &Scene<'_>, queue: &str) -> Result<u64> {
    let mut list = Command::new(scene.stack.folder().join("rabbitmqctl"));
    let listed = output(list.args(["-q", "list_queues", "name", "messages"])).await?;
    let line = listed.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
    line.context("the queue is not there")?.trim().parse().context("a number")
}
