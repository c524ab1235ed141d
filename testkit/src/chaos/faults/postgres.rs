//! Faults of Postgres: it dies (F11), loses its connections (F11c), stalls (F12), is slow (F12b), has no room (F15);
//! other sessions lock rows (F13) or tables (F21), or end the sessions of relays (F30).

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
use shared::services::SERVICE_NAMES;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Scene;
use crate::chaos::client::PICTURE;
use crate::chaos::ledger::Outcome;
use crate::servers::proxy::Condition;

/// Kills the server (SIGKILL), and starts it again after an outage (F11).
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("postgres")?;
    sleep(scene.random_outage()).await;
    scene.stack.restart("postgres").await
}

/// Stops every process of the server for a while (SIGSTOP), including the one that accepts connections (F12). To a
/// client the server then seems to be up, but never answers.
pub(super) async fn stall(scene: &mut Scene<'_>) -> Result<()> {
    let pid = scene.stack.pid("postgres")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let backends = text.split_whitespace().filter_map(|pid| pid.parse().ok());
    let backends: Vec<Pid> = [pid].into_iter().chain(backends).map(Pid::from_raw).collect();
    // A process that has ended meanwhile needs no signal, so errors do not matter.
    for backend in &backends {
        send_signal(*backend, Signal::SIGSTOP).ok();
    }
    sleep(scene.random_outage() * 2).await;
    for backend in &backends {
        send_signal(*backend, Signal::SIGCONT).ok();
    }
    Ok(())
}

/// Breaks all connections to Postgres, and refuses new ones during an outage (F11c).
pub(super) async fn cut(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("postgres")?.set(Condition::Cut);
    sleep(scene.random_outage()).await;
    scene.stack.proxy("postgres")?.set(Condition::Normal);
    Ok(())
}

/// Delays each packet to and from Postgres by 100 ms for a while (F12b).
pub(super) async fn slow_down(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("postgres")?.set(Condition::Slow(Duration::from_millis(100)));
    sleep(scene.random_outage() * 2).await;
    scene.stack.proxy("postgres")?.set(Condition::Normal);
    Ok(())
}

/// Locks rows of copies from the last to the first, while consumers write them from the first to the last (F13). Where
/// the two meet, Postgres breaks the deadlock by failing one of the transactions.
pub(super) async fn lock_in_reverse(scene: &mut Scene<'_>) -> Result<()> {
    let script = "DO $$ DECLARE row record; BEGIN \
                  FOR row IN SELECT id FROM posts ORDER BY id DESC LIMIT 100 LOOP \
                  PERFORM 1 FROM posts WHERE id = row.id FOR UPDATE; PERFORM pg_sleep(0.02); END LOOP; END $$";
    for _ in 0..2 {
        for service in ["subscriptions", "recommendations", "admin"] {
            match scene.psql(service, script).await {
                // If this script is the one that fails, the deadlock has happened all the same.
                Err(error) if !error.to_string().contains("deadlock detected") => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Terminates the sessions that hold the advisory locks under which relays sweep (F30).
///
/// # Errors
/// If no relay takes such a lock within 30 s.
pub(super) async fn lose_locks(scene: &mut Scene<'_>) -> Result<()> {
    let script = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database \
                  WHERE locktype = 'advisory' AND datname = current_database()";
    // After another fault a relay may have no lock yet. It takes one with its next sweep.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut lost = 0;
        for service in SERVICE_NAMES {
            lost += scene.psql(service, script).await?.lines().filter(|line| line.trim() == "t").count();
        }
        if lost > 0 {
            return Ok(());
        }
        ensure!(Instant::now() < end, "no relay holds a lock");
        sleep(Duration::from_millis(500)).await;
    }
}

/// Fills the disk under databases and pictures, and frees it again (F15). Meanwhile new posts must be refused with 503
/// as soon as they need room, reads must go on, and no part of a picture may be left behind.
pub(super) async fn fill_disk(scene: &mut Scene<'_>) -> Result<()> {
    let disk = scene.stack.small_disk()?;
    let media = disk.path().join("media");
    let before = file_names(&media)?;
    let filler = disk.fill()?;
    let world = scene.world;
    let home = world.homes.first().context("a post")?;
    let mut refused = 0;
    for number in 0..200 {
        // Random text hardly compresses, so 200 posts need new pages.
        let text: String = (&mut *scene.rng).sample_iter(Alphanumeric).take(9_000).map(char::from).collect();
        let body = serde_json::json!({ "title": format!("full-{number}"), "content": text });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        ensure!(!answer.breaks_contract, "a full disk answers {} {}", answer.status, answer.body);
        refused += u32::from(answer.status == 503);
        let read = world.api.call(Method::GET, &format!("/posts/{home}"), None, None).await;
        ensure!(read.outcome == Outcome::Ok, "reading while the disk is full answers {}", read.status);
    }
    let (picture, _) = world.api.upload(&world.extra, PICTURE).await?;
    let during = file_names(&media)?;
    // The room is freed before the first check that may fail, because the system needs it back in any case.
    drop(filler);
    ensure!(refused > 0, "a full disk refused nothing");
    ensure!(picture == 503, "a picture on a full disk gets {picture}");
    ensure!(during == before, "a picture was stored by halves: {during:?}");
    ensure!(world.api.upload(&world.extra, PICTURE).await?.0 == 201, "a picture is refused when there is room again");
    Ok(())
}

fn file_names(folder: &Path) -> Result<BTreeSet<OsString>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Locks a table for 6 s while 200 clients want to read it, so that all connections of the pool wait for the lock
/// (F21). Each client has to get 200, or 503 with `Retry-After`; and `/livez` has to answer meanwhile.
pub(super) async fn exhaust_pool(scene: &mut Scene<'_>) -> Result<()> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(25)).build()?;
    let posts = scene.stack.addresses().services.get("posts").context("posts")?.url.clone();
    let locked = scene.psql("posts", "BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT");
    let ask = async {
        // After this pause the lock is held.
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
