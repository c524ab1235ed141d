//! The fault of an owner that comes back older than its copies, because the operator forgot `chatty restore` (F26d).

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use shared::services::SERVICE_NAMES;
use tokio::process::Command;
use tokio::time::sleep;

use super::{Scene, output};
use crate::chaos::ledger;
use crate::servers::machine;

/// The limit for the owner to notice that it is older than its copies.
const NOTICE_LIMIT: Duration = Duration::from_secs(60);
/// The problem code with which such an owner refuses writes from then on.
const CODE: &str = "older_than_copies";

/// Restores the database of posts from a dump that is some seconds old, without `chatty restore` (F26d). The service
/// has to notice this, and to refuse writes with a message that names the command. Then the command is run, as an
/// operator would run it.
///
/// The writes between the dump and the restore are lost by the restore itself, so their outcome becomes unknown.
pub(super) async fn restore_without_care(scene: &mut Scene<'_>) -> Result<()> {
    let programs = machine::find_postgres()?;
    let database = scene.superuser_url("posts")?;
    let dump = scene.stack.folder().join("posts.dump");
    let from = ledger::now();
    output(Command::new(programs.join("pg_dump")).arg("-Fc").arg("-f").arg(&dump).arg(&database)).await?;
    // Meanwhile the workload is given versions and ids that the dump does not know.
    sleep(scene.random_outage() * 2).await;
    stop(scene, &["posts"]).await?;
    scene.world.rolled_back().push((from, ledger::now()));
    let restore = ["--clean", "--if-exists", "--exit-on-error", "-d", &database];
    output(Command::new(programs.join("pg_restore")).args(restore).arg(&dump)).await?;
    std::fs::remove_file(&dump)?;
    scene.stack.spawn_with("posts", &[])?;
    await_notice(scene).await?;
    // The command refuses to run while any service runs.
    stop(scene, &SERVICE_NAMES).await?;
    let restored = scene.run_chatty(&["restore"]).await?;
    ensure!(restored.status.success(), "chatty restore: {}", String::from_utf8_lossy(&restored.stderr));
    for service in SERVICE_NAMES {
        scene.stack.spawn_with(service, &[])?;
    }
    Ok(())
}

/// Writes until the service refuses because it is older than its copies, and checks the refusal.
async fn await_notice(scene: &Scene<'_>) -> Result<()> {
    let world = scene.world;
    let end = Instant::now() + NOTICE_LIMIT;
    loop {
        let body = json!({ "title": "older", "content": "than the copies" });
        let answer = world.api.call(Method::POST, "/posts", Some(&world.extra), Some(body)).await;
        if answer.body["code"] == CODE {
            ensure!(answer.status == 503 && !answer.breaks_contract, "{CODE} comes with {}", answer.status);
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            ensure!(detail.contains("chatty restore"), "the refusal does not name the command: {detail}");
            return Ok(());
        }
        ensure!(Instant::now() < end, "posts is older than its copies, and answers {} {}", answer.status, answer.body);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Asks services to end (SIGTERM), and waits until they have, for 15 s at most.
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
