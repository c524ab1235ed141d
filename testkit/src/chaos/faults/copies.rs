//! Faults of copies: they are wiped (F26), changed by hand (F26b), dropped with their database (F26c), or cut off at
//! their first start (F1b). All of them heal by themselves (ADR 14); `chatty reconcile` only watches here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::Value;
use tokio::time::sleep;

use super::Scene;

/// The limit for a copy to heal. A row is compared at the earliest 30 s after it was changed.
const HEAL_LIMIT: Duration = Duration::from_secs(90);
/// The service whose copies are lost. It owns nothing, so its database can be lost without a backup.
const COPIER: &str = "recommendations";

/// Deletes all rows of a copy, and waits until they have come back (F26).
pub(super) async fn wipe(scene: &mut Scene<'_>) -> Result<()> {
    let table = scene.choose(&["likes", "posts"])?;
    scene.psql(COPIER, &format!("TRUNCATE {table}")).await?;
    await_agreement(scene, COPIER).await?;
    // The operator's command must succeed, too, on a copy that has healed already.
    let rebuilt = scene.run_chatty(&["rebuild", COPIER]).await?;
    ensure!(rebuilt.status.success(), "rebuild: {}", String::from_utf8_lossy(&rebuilt.stderr));
    Ok(())
}

/// Changes one row of a copy and deletes another one (F26b). `chatty reconcile` must name no other rows, and both must
/// be repaired without it. The version stays as it is: a row that is ahead of its owner would mean that the owner was
/// restored.
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

/// Waits until `chatty reconcile` names no row of a service, for 90 s at most.
async fn await_agreement(scene: &Scene<'_>, service: &str) -> Result<()> {
    let end = Instant::now() + HEAL_LIMIT;
    loop {
        let left = differences(scene).await?.into_iter().filter(|(found, ..)| found == service).count();
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{left} rows of {service} still differ after {} s", HEAL_LIMIT.as_secs());
        sleep(Duration::from_millis(500)).await;
    }
}

/// Returns the rows that `chatty reconcile` names: service, stream and the first part of the key. Its exit status is
/// ignored, because it is a failure whenever a row differs.
async fn differences(scene: &Scene<'_>) -> Result<Vec<(String, String, i64)>> {
    let found = scene.run_chatty(&["reconcile", "--json"]).await?;
    let reports: Vec<Value> = serde_json::from_slice(&found.stdout)
        .with_context(|| format!("reconcile prints no JSON: {}", String::from_utf8_lossy(&found.stderr)))?;
    let rows = reports.iter().flat_map(|report| {
        let text = |field: &str| report[field].as_str().unwrap_or_default().to_owned();
        let row = move |row: &Value| (text("service"), text("stream"), row["key"][0].as_i64().unwrap_or_default());
        report["rows"].as_array().into_iter().flatten().map(row)
    });
    Ok(rows.collect())
}

/// Drops the database of a copy under the running service and creates it anew, empty (F26c).
pub(super) async fn drop_database(scene: &mut Scene<'_>) -> Result<()> {
    recreate(scene).await?;
    sleep(scene.random_outage() * 2).await;
    if !scene.stack.is_alive(COPIER) {
        // A service that ends by itself is restarted, as its supervisor (compose, for example) would do.
        scene.stack.restart(COPIER).await?;
    }
    Ok(())
}

/// Kills a service one to three times in the middle of its first start, while it creates its schema and fills its
/// copies (F1b).
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

/// Drops the copier's database despite its open connections, and creates an empty one with the same rights and limits
/// as the stack gave the first one.
async fn recreate(scene: &Scene<'_>) -> Result<()> {
    let place = scene.stack.small_disk().map_or("", |_disk| " TABLESPACE small");
    let script = format!(
        "DROP DATABASE {COPIER} WITH (FORCE);\n\
         CREATE DATABASE {COPIER} OWNER {COPIER} CONNECTION LIMIT 20{place};\n\
         REVOKE ALL ON DATABASE {COPIER} FROM PUBLIC;\n"
    );
    scene.as_superuser("postgres", &script).await.map(drop)
}
