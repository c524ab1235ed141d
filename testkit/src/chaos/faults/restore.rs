//! An owner comes back older than its copies, since somebody forgot `chatty restore`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;
use tokio::time::sleep;

use super::{Scene, output};
use crate::chaos::ledger;
use crate::servers::machine;
use crate::stack::SERVICES;

/// How long the owner may take to notice.
const NOTICE: Duration = Duration::from_secs(60);
/// How it refuses writes then.
const CODE: &str = "older_than_copies";

/// The database of posts becomes again what it was some seconds ago. The service has to notice, and to stop writing with a
/// message that names the command; the command ends it.
pub(super) async fn without_care(scene: &mut Scene<'_>) -> Result<()> {
    let programs = machine::find_postgres()?;
    let database = scene.superuser_url("posts")?;
    let dump = scene.stack.folder().join("posts.dump");
    let from = ledger::now();
    output(Command::new(programs.join("pg_dump")).arg("-Fc").arg("-f").arg(&dump).arg(&database)).await?;
    // Versions and ids are given out that the dump does not know.
    sleep(scene.moment() * 2).await;
    stop(scene, &["posts"]).await?;
    scene.world.rolled_back().push((from, ledger::now()));
    let restore = ["--clean", "--if-exists", "--exit-on-error", "-d", &database];
    output(Command::new(programs.join("pg_restore")).args(restore).arg(&dump)).await?;
    std::fs::remove_file(&dump)?;
    scene.stack.spawn_with("posts", &[])?;
    await_notice(scene).await?;
    stop(scene, &SERVICES).await?;
    let restored = scene.chatty(&["restore"]).await?;
    ensure!(restored.status.success(), "chatty restore: {}", String::from_utf8_lossy(&restored.stderr));
    for service in SERVICES {
        scene.stack.spawn_with(service, &[])?;
    }
    Ok(())
}

async fn await_notice(scene: &Scene<'_>) -> Result<()> {
    let world = scene.world;
    let end = Instant::now() + NOTICE;
    loop {
        let body = json!({ "title": "older", "content": "than the copies" });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        if answer.body["code"] == CODE {
            ensure!(answer.status == 503 && !answer.wrong, "{CODE} comes with {}", answer.status);
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            ensure!(detail.contains("chatty restore"), "the refusal does not name the command: {detail}");
            return Ok(());
        }
        ensure!(Instant::now() < end, "posts is older than its copies, and answers {} {}", answer.status, answer.body);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Asks services to end, and waits until they have.
async fn stop(scene: &Scene<'_>, services: &[&str]) -> Result<()> {
    for service in services {
        scene.stack.signal(service, Signal::SIGTERM)?;
    }
    let end = Instant::now() + Duration::from_secs(15);
    while let Some(service) = services.iter().find(|service| scene.stack.is_alive(service)) {
        ensure!(Instant::now() < end, "{service} does not end on SIGTERM");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
