//! The faults of a broker with three nodes, and which faults a stack can have.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;

use crate::stack::{BROKERS, Stack};

/// The fault that can happen only once: there is no second standby.
pub(super) const ONCE: &str = "P1";

/// Whether a stack with so many brokers, and with a standby or not, can have a fault. Proxies and a small disk are only in a
/// stack with one of each, and a killed primary that came back beside the promoted standby would be a second primary.
pub(super) fn fits(fault: &str, brokers: usize, standby: bool) -> bool {
    match fault {
        "C1" | "C2" => brokers > 1,
        "P1" => standby,
        "F1" | "F9" | "F10" | "F14" | "F24" | "F25" | "F30" => true,
        _ => brokers == 1 && !standby,
    }
}

/// Kills the node that leads a queue, and lets it come back.
pub(super) async fn kill_leader(stack: &mut Stack, rng: &mut StdRng) -> Result<()> {
    let queues = ["posts.user.v1", "subscriptions.post.v1", "recommendations.like.v1", "auth.moderation.user.v1"];
    let node = stack.leader(queues.choose(rng).context("a queue")?).await?;
    stack.kill(node)?;
    sleep(moment(rng)).await;
    stack.restart(node).await
}

/// Stops a node as an operator does, and starts it again.
pub(super) async fn stop_node(stack: &mut Stack, rng: &mut StdRng) -> Result<()> {
    let node = BROKERS.choose(rng).context("a node")?;
    stack.rabbitmqctl(node, &["stop_app"]).await?;
    sleep(moment(rng)).await;
    stack.rabbitmqctl(node, &["start_app"]).await.map(drop)
}

fn moment(rng: &mut StdRng) -> Duration {
    Duration::from_millis(rng.random_range(1_000..6_000))
}
