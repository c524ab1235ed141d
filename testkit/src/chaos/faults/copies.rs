//! Copies that are wiped, changed by hand, or dropped. They heal by themselves, while the operator only looks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::Value;
use tokio::time::sleep;

use super::Scene;

/// How long a copy may take to heal: a row is looked at 30 s after it was changed at the earliest.
const HEALING: Duration = Duration::from_secs(90);
/// The service that keeps copies and owns nothing.
const COPIER: &str = "recommendations";

/// All rows of a copy are gone, and come back.
pub(super) async fn wipe(scene: &mut Scene<'_>) -> Result<()> {
    let table = scene.choose(&["likes", "posts"])?;
    scene.psql(COPIER, &format!("TRUNCATE {table}")).await?;
    await_agreement(scene, COPIER).await?;
    // The operator's command finds nothing to do, and says so.
    let rebuilt = scene.chatty(&["rebuild", COPIER]).await?;
    ensure!(rebuilt.status.success(), "rebuild: {}", String::from_utf8_lossy(&rebuilt.stderr));
    Ok(())
}

/// Two rows of a copy are not what they were: one differs, one is gone. `chatty reconcile` names no others, and they are
/// repaired. A row that is ahead of its owner is no such thing: it says that the owner was restored.
pub(super) async fn drift(scene: &mut Scene<'_>) -> Result<()> {
    let [different, gone, ..] = scene.world.homes.as_slice() else { anyhow::bail!("two posts") };
    let script = format!(
        "UPDATE posts SET title = 'changed by hand' WHERE id = {different}; DELETE FROM posts WHERE id = {gone}"
    );
    scene.psql("subscriptions", &script).await?;
    let changed = BTreeSet::from([*different, *gone]);
    for (service, stream, key) in differences(scene).await? {
        ensure!(
            (service.as_str(), stream.as_str()) == ("subscriptions", "post") && changed.contains(&key),
            "reconcile names {stream} {key} of {service}"
        );
    }
    await_agreement(scene, "subscriptions").await
}

/// Waits until `chatty reconcile` names no row of a service.
async fn await_agreement(scene: &Scene<'_>, service: &str) -> Result<()> {
    let end = Instant::now() + HEALING;
    loop {
        let left = differences(scene).await?.into_iter().filter(|(found, ..)| found == service).count();
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{left} rows of {service} still differ after {} s", HEALING.as_secs());
        sleep(Duration::from_millis(500)).await;
    }
}

/// The rows that `chatty reconcile` names: service, stream and the first part of the key.
async fn differences(scene: &Scene<'_>) -> Result<Vec<(String, String, i64)>> {
    let found = scene.chatty(&["reconcile", "--json"]).await?;
    let reports: Vec<Value> = serde_json::from_slice(&found.stdout)
        .with_context(|| format!("reconcile prints no JSON: {}", String::from_utf8_lossy(&found.stderr)))?;
    let rows = reports.iter().flat_map(|report| {
        let text = |field: &str| report[field].as_str().unwrap_or_default().to_owned();
        let row = move |row: &Value| (text("service"), text("stream"), row["key"][0].as_i64().unwrap_or_default());
        report["rows"].as_array().into_iter().flatten().map(row)
    });
    Ok(rows.collect())
}

/// The database of a copy is dropped under the running service and made anew, empty.
pub(super) async fn drop_database(scene: &mut Scene<'_>) -> Result<()> {
    recreate(scene).await?;
    sleep(scene.moment() * 2).await;
    if !scene.stack.is_alive(COPIER) {
        // A service that ends by itself is started again by what supervises it, as compose does.
        scene.stack.restart(COPIER).await?;
    }
    Ok(())
}

/// A service is killed in the middle of its first starts, when it makes its schema and fills its copies.
pub(super) async fn kill_first_start(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill(COPIER)?;
    recreate(scene).await?;
    for _ in 0..scene.rng.random_range(1..4) {
        scene.stack.spawn_with(COPIER, &[])?;
        sleep(Duration::from_millis(scene.rng.random_range(0..2_000))).await;
        scene.stack.kill(COPIER)?;
    }
    scene.stack.restart(COPIER).await
}

/// Drops the copier's database, whoever is connected, and creates an empty one with the same rights and limits.
async fn recreate(scene: &Scene<'_>) -> Result<()> {
    let place = scene.stack.small_disk().map_or("", |_disk| " TABLESPACE small");
    let script = format!(
        "DROP DATABASE {COPIER} WITH (FORCE);\n\
         CREATE DATABASE {COPIER} OWNER {COPIER} CONNECTION LIMIT 20{place};\n\
         REVOKE ALL ON DATABASE {COPIER} FROM PUBLIC;\n"
    );
    scene.as_superuser("postgres", &script).await.map(drop)
}
