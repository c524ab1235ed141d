//! Faults of the broker: it dies (F5, F6), stops (F5b), loses its connections (F7, F8), blocks publishers (F9), or
//! loses a queue (F10).

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Scene;
use crate::servers::proxy::Condition;

/// Kills the broker (SIGKILL), and starts it again after an outage (F5).
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("rabbitmq")?;
    sleep(scene.random_outage()).await;
    scene.stack.restart("rabbitmq").await
}

/// Kills the broker, and starts it again after 45 s (F6). By then every pause between two tries to connect has reached
/// its longest.
pub(super) async fn lose(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("rabbitmq")?;
    sleep(Duration::from_secs(45)).await;
    scene.stack.restart("rabbitmq").await
}

/// Stops the broker's application in an orderly way while its node stays up, and starts it again (F5b).
pub(super) async fn stop(scene: &mut Scene<'_>) -> Result<()> {
    scene.rabbitmqctl(&["stop_app"]).await?;
    sleep(scene.random_outage()).await;
    scene.rabbitmqctl(&["start_app"]).await
}

/// Breaks all connections to the broker, and refuses new ones during an outage (F7).
pub(super) async fn cut(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("rabbitmq")?.set(Condition::Cut);
    sleep(scene.random_outage()).await;
    scene.stack.proxy("rabbitmq")?.set(Condition::Normal);
    Ok(())
}

/// Holds back all bytes for 25 s without closing a connection (F8). That is longer than two heartbeats of 10 s, so both
/// sides notice.
pub(super) async fn silence(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("rabbitmq")?.set(Condition::Silent);
    sleep(Duration::from_secs(25)).await;
    scene.stack.proxy("rabbitmq")?.set(Condition::Normal);
    Ok(())
}

/// Raises the broker's memory alarm for a while (F9): publishers have to wait, and consumers go on acknowledging.
pub(super) async fn block(scene: &mut Scene<'_>) -> Result<()> {
    scene.rabbitmqctl(&["set_vm_memory_high_watermark", "0.00001"]).await?;
    sleep(scene.random_outage() * 3).await;
    scene.rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await
}

/// Deletes a queue with every message in it (F10).
pub(super) async fn delete_queue(scene: &mut Scene<'_>) -> Result<()> {
    let queues = ["posts.user.v1", "subscriptions.post.v1", "recommendations.like.v1", "auth.moderation.user.v1"];
    let queue = scene.choose(&queues)?;
    scene.rabbitmqctl(&["delete_queue", queue]).await
}
