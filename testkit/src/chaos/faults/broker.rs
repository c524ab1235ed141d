//! The broker dies, stops, falls silent, or refuses.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Scene;
use crate::servers::proxy::Weather;

/// SIGKILL, and a start a little later.
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("rabbitmq")?;
    sleep(scene.moment()).await;
    scene.stack.restart("rabbitmq").await
}

/// It is away until every pause between two tries has reached its longest.
pub(super) async fn lose(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.kill("rabbitmq")?;
    sleep(Duration::from_secs(45)).await;
    scene.stack.restart("rabbitmq").await
}

/// An orderly stop of the application, in a node that stays.
pub(super) async fn stop(scene: &mut Scene<'_>) -> Result<()> {
    scene.rabbitmqctl(&["stop_app"]).await?;
    sleep(scene.moment()).await;
    scene.rabbitmqctl(&["start_app"]).await
}

/// Connections break, and new ones are refused for a moment.
pub(super) async fn cut(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("rabbitmq")?.set(Weather::Cut);
    sleep(scene.moment()).await;
    scene.stack.proxy("rabbitmq")?.set(Weather::Clear);
    Ok(())
}

/// Bytes stay on their way for longer than two heartbeats, so that both sides notice.
pub(super) async fn silence(scene: &mut Scene<'_>) -> Result<()> {
    scene.stack.proxy("rabbitmq")?.set(Weather::Silent);
    sleep(Duration::from_secs(25)).await;
    scene.stack.proxy("rabbitmq")?.set(Weather::Clear);
    Ok(())
}

/// A memory alarm: who publishes has to wait, who acknowledges must not.
pub(super) async fn block(scene: &mut Scene<'_>) -> Result<()> {
    scene.rabbitmqctl(&["set_vm_memory_high_watermark", "0.00001"]).await?;
    sleep(scene.moment() * 3).await;
    scene.rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await
}

/// A queue is gone, with every message in it.
pub(super) async fn delete_queue(scene: &mut Scene<'_>) -> Result<()> {
    let queues = ["posts.user.v1", "subscriptions.post.v1", "recommendations.like.v1", "auth.moderation.user.v1"];
    let queue = scene.choose(&queues)?;
    scene.rabbitmqctl(&["delete_queue", queue]).await
}
