//! The faults of a broker with three nodes, and the rule that tells which faults a stack can have.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;

use crate::stack::{BROKERS, Stack};

/// The fault that is injected only once in a run, because there is no second standby to promote.
pub(super) const ONCE: &str = "P1";

/// Returns whether a stack with this number of broker nodes, with or without a standby, can have a fault.
///
/// Only a stack with one server of each kind has proxies and a small disk. Where there is a standby, nothing may
/// restart the primary: one that came back beside the promoted standby would be a second primary.
pub(super) fn fits(fault: &str, brokers: usize, standby: bool) -> bool {
    match fault {
        "C1" | "C2" => brokers > 1,
        "P1" => standby,
        "F1" | "F9" | "F10" | "F14" | "F24" | "F25" | "F30" => true,
        _ => brokers == 1 && !standby,
    }
}

/// Kills the broker node that leads a queue, and starts it again after 1 to 6 s (C1).
pub(super) async fn kill_leader(stack: &mut Stack, rng: &mut StdRng) -> Result<()> {
    let queues = ["posts.user.v1", "subscriptions.post.v1", "recommendations.like.v1", "auth.moderation.user.v1"];
    let node = stack.leader(queues.choose(rng).context("a queue")?).await?;
    stack.kill(node)?;
    sleep(random_outage(rng)).await;
    stack.restart(node).await
}

/// Stops the broker's application on a node as an operator does, and starts it again after 1 to 6 s (C2).
pub(super) async fn stop_node(stack: &mut Stack, rng: &mut StdRng) -> Result<()> {
    let node = BROKERS.choose(rng).context("a node")?;
    stack.rabbitmqctl(node, &["stop_app"]).await?;
    sleep(random_outage(rng)).await;
    stack.rabbitmqctl(node, &["start_app"]).await.map(drop)
}

fn random_outage(rng: &mut StdRng) -> Duration {
    Duration::from_millis(rng.random_range(1_000..6_000))
}
