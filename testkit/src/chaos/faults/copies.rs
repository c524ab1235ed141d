//! Copies that are wiped or changed by hand, on a live system, and the operator who repairs them.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Scene;

/// All rows of a copy are gone; `chatty rebuild` brings them back.
pub(super) async fn wipe(scene: &mut Scene<'_>) -> Result<()> {
    let (service, table) = scene.choose(&[("recommendations", "likes"), ("recommendations", "posts")])?;
    scene.psql(service, &format!("TRUNCATE {table}")).await?;
    let rebuilt = scene.chatty(&["rebuild", service]).await?;
    ensure!(rebuilt.status.success(), "rebuild: {}", String::from_utf8_lossy(&rebuilt.stderr));
    Ok(())
}

/// Three rows of a copy are not what they were: one differs, one is gone, one is ahead. `chatty reconcile` names exactly
/// these, and `--fix` repairs them.
pub(super) async fn drift(scene: &mut Scene<'_>) -> Result<()> {
    let [different, gone, ahead, ..] = scene.world.homes.as_slice() else { anyhow::bail!("three posts") };
    let script = format!(
        "UPDATE posts SET title = 'changed by hand' WHERE id = {different}; DELETE FROM posts WHERE id = {gone}; \
         UPDATE posts SET version = version + 10 WHERE id = {ahead}"
    );
    scene.psql("subscriptions", &script).await?;
    let wanted = BTreeSet::from([*different, *gone, *ahead]);
    let found = scene.chatty(&["reconcile", "--json"]).await?;
    let reports: Value = serde_json::from_slice(&found.stdout).context("reconcile prints no JSON")?;
    let rows = |report: &Value| report["rows"].as_array().cloned().unwrap_or_default();
    let named: BTreeSet<i64> = reports
        .as_array()
        .context("reports")?
        .iter()
        .filter(|report| report["service"] == "subscriptions" && report["stream"] == "post")
        .flat_map(rows)
        .filter_map(|row| row["key"][0].as_i64())
        .collect();
    let all = reports.as_array().into_iter().flatten().flat_map(rows).count();
    ensure!(named == wanted && all == wanted.len(), "reconcile names {all} rows: {reports}");
    ensure!(found.status.code() == Some(1), "reconcile does not fail");
    let fixed = scene.chatty(&["reconcile", "--fix"]).await?;
    ensure!(fixed.status.success(), "reconcile --fix: {}", String::from_utf8_lossy(&fixed.stderr));
    Ok(())
}
