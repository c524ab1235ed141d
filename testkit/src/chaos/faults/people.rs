//! Faults that people cause by what they do: somebody is blocked while writing (F27), posts and likes come and go at
//! once while messages are shuffled (F28), and one counter gets many hits while servers die (H1).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Scene;
use super::messages::{Shuffle, start_shuffling};
use crate::chaos::ledger::Outcome;
use crate::chaos::workload::World;

/// The longest time until a block, or its end, has to take effect everywhere.
const SEEN_LIMIT: Duration = Duration::from_secs(20);

/// Blocks a person in the middle of writing, and unblocks the person again (F27). While the block lasts, no post of the
/// person may be visible, and the session may not be renewed. After the unblock, exactly the acknowledged posts have to
/// be visible.
pub(super) async fn block_while_writing(scene: &mut Scene<'_>) -> Result<()> {
    let world = scene.world;
    let writer = &world.extra;
    let before = shown_posts(world).await?;
    let write = async {
        let mut written = Vec::new();
        let end = Instant::now() + SEEN_LIMIT * 2;
        loop {
            ensure!(Instant::now() < end, "somebody who is blocked goes on writing");
            let body = json!({ "title": "blocked", "content": "soon" });
            let answer = world.api.call(Method::POST, "/posts", Some(writer), Some(body)).await;
            // Writing ends with the first refusal for the block.
            match (answer.outcome, answer.body["post"]["id"].as_i64()) {
                (Outcome::Ok, Some(id)) => written.push(id),
                _ if answer.status == 403 => return Ok(written),
                _ => anyhow::bail!("writing gets {} {}", answer.status, answer.body),
            }
        }
    };
    let block = async {
        sleep(Duration::from_millis(300)).await;
        let path = format!("/admin/users/{}/block", writer.id);
        let blocked = world.api.call(Method::POST, &path, Some(&world.admin), None).await;
        ensure!(blocked.outcome == Outcome::Ok, "blocking gets {}", blocked.status);
        let end = Instant::now() + SEEN_LIMIT;
        while !shown_posts(world).await?.is_empty() {
            ensure!(Instant::now() < end, "posts of somebody who is blocked are still shown");
            sleep(Duration::from_millis(50)).await;
        }
        // Auth applies the block before any other service hears of it, so by now the session must have ended.
        let body = json!({ "refresh_token": writer.refresh_token() });
        let refreshed = world.api.call(Method::POST, "/auth/refresh", None, Some(body)).await;
        ensure!(refreshed.status == 401 || refreshed.status == 403, "a blocked session goes on: {}", refreshed.status);
        Ok(())
    };
    // A block may overtake other states of the person, and they may overtake it.
    let shuffle = start_shuffling(scene.stack.addresses(), &["posts.user.v1"], Shuffle::Reordered).await?;
    let both = tokio::try_join!(write, block);
    shuffle.stop().await?;
    let (written, ()) = both?;
    let wanted: BTreeSet<i64> = written.into_iter().chain(before).collect();
    let path = format!("/admin/users/{}/unblock", writer.id);
    let unblocked = world.api.call(Method::POST, &path, Some(&world.admin), None).await;
    ensure!(unblocked.outcome == Outcome::Ok, "unblocking gets {}", unblocked.status);
    let end = Instant::now() + SEEN_LIMIT;
    loop {
        let now = shown_posts(world).await?;
        if now == wanted {
            break;
        }
        ensure!(Instant::now() < end, "after unblocking {} posts are shown, not {}", now.len(), wanted.len());
        sleep(Duration::from_millis(50)).await;
    }
    // The block has ended the session, and later faults need one.
    world.api.log_in_again(writer).await
}

/// Returns the ids of the visible posts of `world.extra`, the person whom only faults use.
async fn shown_posts(world: &World) -> Result<BTreeSet<i64>> {
    let posts = world.api.list(&format!("/posts?author={}", world.extra.id), "posts", None).await?;
    posts.iter().map(|post| post["id"].as_i64().context("an id")).collect()
}

/// Counts 1 000 views of one post from 50 clients, through the two connections with which posts writes, while posts and
/// then Postgres are killed (H1). Each hit has an idempotency key, so the counter has to be exactly 1 000 in the end.
pub(super) async fn hit(scene: &mut Scene<'_>) -> Result<()> {
    const PEOPLE: usize = 50;
    const HITS: usize = 20;
    let world = scene.world;
    let body = json!({ "title": "counted", "content": "by many" });
    let created = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
    let id = created.body["post"]["id"].as_i64().with_context(|| format!("writing gets {}", created.status))?;
    let path = format!("/posts/{id}/views");
    let (counted, mut people) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for person in 0..PEOPLE {
        let (world, path, counted) = (Arc::clone(world), path.clone(), Arc::clone(&counted));
        people.spawn(async move {
            for hit in 0..HITS {
                let key = format!("hit-{id}-{person}-{hit}");
                loop {
                    let answer = world.api.repeat_until_known(&path, None, None, &key).await;
                    match (answer.outcome, answer.status) {
                        (Outcome::Ok, _) => break,
                        // Refused for now. The hit has no effect yet, so the same key is used again.
                        (_, 429 | 503) => sleep(Duration::from_millis(100)).await,
                        (_, status) => anyhow::bail!("a hit gets {status} {}", answer.body),
                    }
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let end = Instant::now() + Duration::from_secs(180);
    // The kills come when a quarter and a half of the hits are counted, in the middle of the load on any machine.
    let until = async |hits: usize| {
        while counted.load(Ordering::Relaxed) < hits {
            ensure!(Instant::now() < end, "hits are not counted any more");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    until(PEOPLE * HITS / 4).await?;
    scene.stack.kill("posts")?;
    scene.stack.restart("posts").await?;
    until(PEOPLE * HITS / 2).await?;
    scene.stack.kill("postgres")?;
    scene.stack.restart("postgres").await?;
    while let Some(done) = people.join_next().await {
        done??;
    }
    let views = world.api.get(&format!("/posts/{id}"), None).await?["view_count"].clone();
    ensure!(views == PEOPLE * HITS, "of {} acknowledged hits {views} are counted", PEOPLE * HITS);
    Ok(())
}

/// Creates posts and deletes each of them at once, and also gives a like and takes it back, while the events of both
/// come in any order (F28).
pub(super) async fn storm(scene: &mut Scene<'_>) -> Result<()> {
    let world = scene.world;
    let queues = ["subscriptions.post.v1", "recommendations.post.v1", "recommendations.like.v1"];
    let shuffle = start_shuffling(scene.stack.addresses(), &queues, Shuffle::Reordered).await?;
    let like = format!("/posts/{}/likes", world.homes.first().context("a post")?);
    let call = async |method, path: &str, body: Option<Value>| {
        let answer = world.api.call(method, path, Some(&world.extra), body).await;
        ensure!(answer.outcome == Outcome::Ok, "{path} gets {} {}", answer.status, answer.body);
        Ok(answer.body)
    };
    for _ in 0..30 {
        let created = call(Method::POST, "/posts", Some(json!({ "title": "short", "content": "lived" }))).await?;
        call(Method::POST, &like, None).await?;
        let id = created["post"]["id"].as_i64().context("an id")?;
        call(Method::DELETE, &format!("/posts/{id}"), None).await?;
        call(Method::DELETE, &like, None).await?;
    }
    shuffle.stop().await.map(drop)
}
