//! Postgres dies, stalls, is slow, locks rows, or has no room.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill as send_signal};
use nix::unistd::Pid;
use rand::RngExt;
use rand::distr::Alphanumeric;
use reqwest::{Client, Method};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Scene;
use crate::chaos::client::PICTURE;
use crate::chaos::ledger::Outcome;
use crate::servers::proxy::Weather;
use crate::stack::SERVICES;

/// SIGKILL of the server and everything that it started.
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("postgres")?;
    sleep(scene.moment()).await;
    scene.stack.restart("postgres").await
}

/// Every process of it stands still for a while (SIGSTOP), the one that takes new connections too.
pub(super) async fn stall(scene: &mut Scene<'_>) -> Result<()> {
    let pid = scene.stack.pid("postgres")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let backends = text.split_whitespace().filter_map(|pid| pid.parse().ok());
    let backends: Vec<Pid> = [pid].into_iter().chain(backends).map(Pid::from_raw).collect();
    // One that has ended meanwhile needs no signal.
    for backend in &backends {
        send_signal(*backend, Signal::SIGSTOP).ok();
    }
    sleep(scene.moment() * 2).await;
    for backend in &backends {
        send_signal(*backend, Signal::SIGCONT).ok();
    }
    Ok(())
}

/// Connections break, and new ones are refused for a moment.
pub(super) async fn cut(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("postgres")?.set(Weather::Cut);
    sleep(scene.moment()).await;
    scene.stack.proxy("postgres")?.set(Weather::Clear);
    Ok(())
}

/// Each packet takes 100 ms.
pub(super) async fn slow_down(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("postgres")?.set(Weather::Slow(Duration::from_millis(100)));
    sleep(scene.moment() * 2).await;
    scene.stack.proxy("postgres")?.set(Weather::Clear);
    Ok(())
}

/// Somebody locks the rows of copies from the last to the first, while consumers write them from the first to the last:
/// one of the two is told of a deadlock.
pub(super) async fn lock_in_reverse(scene: &mut Scene<'_>) -> Result<()> {
    let script = "DO $$ DECLARE row record; BEGIN \
                  FOR row IN SELECT id FROM posts ORDER BY id DESC LIMIT 100 LOOP \
                  PERFORM 1 FROM posts WHERE id = row.id FOR UPDATE; PERFORM pg_sleep(0.02); END LOOP; END $$";
    for _ in 0..2 {
        for service in ["subscriptions", "recommendations", "admin"] {
            match scene.psql(service, script).await {
                Err(error) if !error.to_string().contains("deadlock detected") => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The locks under which relays sweep are lost with their connections.
pub(super) async fn lose_locks(scene: &mut Scene<'_>) -> Result<()> {
    let script = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database \
                  WHERE locktype = 'advisory' AND datname = current_database()";
    // Who has just lost its connection anyway takes the lock with its next sweep.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut lost = 0;
        for service in SERVICES {
            lost += scene.psql(service, script).await?.lines().filter(|line| line.trim() == "t").count();
        }
        if lost > 0 {
            return Ok(());
        }
        ensure!(Instant::now() < end, "no relay holds a lock");
        sleep(Duration::from_millis(500)).await;
    }
}

/// No file of the databases can grow any more: what needs room is refused, the rest goes on.
pub(super) async fn fill_disk(scene: &mut Scene<'_>) -> Result<()> {
    let disk = scene.stack.small_disk()?;
    let media = disk.path().join("media");
    let before = names(&media)?;
    let filler = disk.fill()?;
    let world = scene.world;
    let home = world.homes.first().context("a post")?;
    let mut refused = 0;
    for number in 0..200 {
        let text: String = (&mut *scene.rng).sample_iter(Alphanumeric).take(9_000).map(char::from).collect();
        let body = serde_json::json!({ "title": format!("full-{number}"), "content": text });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        ensure!(!answer.wrong, "a full disk answers {} {}", answer.status, answer.body);
        refused += u32::from(answer.status == 503);
        let read = world.api.call(Method::GET, &format!("/posts/{home}"), None, None).await;
        ensure!(read.outcome == Outcome::Ok, "reading while the disk is full answers {}", read.status);
    }
    let (picture, _) = world.api.upload(&world.extra, PICTURE).await?;
    let during = names(&media)?;
    drop(filler);
    ensure!(refused > 0, "a full disk refused nothing");
    ensure!(picture == 503, "a picture on a full disk gets {picture}");
    ensure!(during == before, "a picture was stored by halves: {during:?}");
    ensure!(world.api.upload(&world.extra, PICTURE).await?.0 == 201, "a picture is refused when there is room again");
    Ok(())
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// A table is locked for 6 s and 200 people want to read it: who cannot be served is told to come again, and whoever asks
/// whether the service is alive is answered.
pub(super) async fn exhaust_pool(scene: &mut Scene<'_>) -> Result<()> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(25)).build()?;
    let posts = scene.stack.addresses().services.get("posts").context("posts")?.url.clone();
    let locked = scene.psql("posts", "BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT");
    let ask = async {
        sleep(Duration::from_millis(300)).await;
        let mut asking = JoinSet::new();
        for _ in 0..200 {
            asking.spawn(client.get(format!("{posts}/posts?limit=1")).send());
        }
        let alive = client.get(format!("{posts}/livez")).send().await?;
        ensure!(alive.status() == 200, "a service without free connections is not alive");
        while let Some(answer) = asking.join_next().await {
            let answer = answer?.context("a request was not answered")?;
            let later = answer.headers().contains_key("retry-after");
            let status = answer.status().as_u16();
            ensure!(status == 200 || (status == 503 && later), "a request got {status}, Retry-After: {later}");
        }
        Ok(())
    };
    let (locked, asked) = tokio::join!(locked, ask);
    locked.map(drop).and(asked)
}
