//! A listener: somebody who follows everybody and keeps a stream of events open through all faults, as a client does
//! that comes back with the id of the last event. In the end the stream must have told of every post exactly once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::check::{Anomaly, AnomalyKind};
use super::workload::World;

/// The time after which the listener leaves a stream by itself.
const LISTENS: Duration = Duration::from_secs(7);
/// The pause before a stream is opened again.
const PAUSE: Duration = Duration::from_millis(200);
/// The limit for the last events to arrive, once everything else is at rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// The events that a listener has received.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The id of the last event that came with one.
    seen: Option<String>,
    /// The number of events for each post.
    posts: BTreeMap<i64, u64>,
    /// Only posts with ids above this one must have been told. A stream that begins anew raises it to the newest post of
    /// the feed.
    after: i64,
}

/// Makes the listener follow everybody else.
pub(super) async fn follow_everybody(world: &World) -> Result<()> {
    for person in &world.people {
        let path = format!("/subscribe/{}", person.id);
        let begun = Instant::now();
        let mut answer = world.api.call(Method::POST, &path, Some(&world.extra), None).await;
        // Subscriptions may not have heard of a new person yet.
        while answer.status == 404 && begun.elapsed() < PATIENCE {
            sleep(PAUSE).await;
            answer = world.api.call(Method::POST, &path, Some(&world.extra), None).await;
        }
        ensure!(answer.status == 200, "the listener cannot follow: {}", answer.body);
    }
    Ok(())
}

/// Keeps a stream open until the clients have stopped and the suite is at rest.
pub(super) async fn run_listener(world: Arc<World>) -> Result<()> {
    while !world.stop.load(Ordering::Relaxed) {
        // Whatever ends a stream, its client only comes back. It also does so by itself, which is the usual case: phones
        // close connections.
        let _ended = timeout(LISTENS, listen(&world)).await;
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Opens one stream, and reads it to its end.
async fn listen(world: &World) -> Result<()> {
    let seen = world.told().seen.clone();
    let mut stream = world.api.open_stream(&world.extra, seen.as_deref()).await?;
    let mut text = String::new();
    while let Some(piece) = stream.chunk().await? {
        text.push_str(&String::from_utf8_lossy(&piece));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let event = event.to_owned();
            text = rest.to_owned();
            take(world, &event).await?;
        }
    }
    Ok(())
}

/// Takes one whole event into account.
async fn take(world: &World, event: &str) -> Result<()> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data: Value = field("data").map(serde_json::from_str).transpose()?.unwrap_or_default();
    if field("event") == Some("ready") && data["resumed"] == false {
        // The posts that the feed shows now may have come before the stream began.
        let feed = world.api.get("/feed?limit=1", Some(&world.extra)).await?;
        let newest = feed["posts"][0]["id"].as_i64().unwrap_or(0);
        let mut told = world.told();
        told.after = told.after.max(newest);
    }
    let mut told = world.told();
    if field("event") == Some("post") {
        *told.posts.entry(data["id"].as_i64().context("a post has an id")?).or_default() += 1;
    }
    if let Some(id) = field("id") {
        told.seen = Some(id.to_owned());
    }
    Ok(())
}

/// Compares what the listener was told with the feed, which shows every post that is still there. Opens a last stream for
/// what was missed while none was open.
pub(super) async fn compare_told(world: &World) -> Result<Vec<Anomaly>> {
    let feed = world.api.list("/feed", "posts", Some(&world.extra)).await?;
    let there: Vec<i64> = feed.iter().filter_map(|post| post["id"].as_i64()).collect();
    let missing = || {
        let told = world.told();
        let missing = there.iter().filter(|id| **id > told.after && !told.posts.contains_key(id));
        missing.copied().collect::<Vec<i64>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while !missing().is_empty() && Instant::now() < deadline {
        let _ended = timeout(Duration::from_secs(2), listen(world)).await;
    }
    let anomaly = |kind, text| Anomaly { kind, fault: String::new(), text };
    let lost = missing().into_iter().map(|id| anomaly(AnomalyKind::Lost, format!("the stream: nothing of post {id}")));
    let mut found: Vec<Anomaly> = lost.collect();
    let told = world.told();
    ensure!(!told.posts.is_empty() || there.is_empty(), "the listener was told of nothing");
    let repeated = told.posts.iter().filter(|(_, times)| **times > 1);
    found.extend(
        repeated.map(|(id, times)| {
            anomaly(AnomalyKind::Duplicated, format!("the stream: post {id} was told {times} times"))
        }),
    );
    Ok(found)
}
