//! P22: the time from the start of a program until the service is ready.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::{reads, recommend};
use crate::likes;
use crate::load;
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort};
use crate::world::{World, run_sql};

/// Measures the time from the start of the service posts until it is ready, while its database and the broker run
/// (P22).
pub(crate) async fn measure_until_ready(world: &mut World, programs: &Path, effort: Effort) -> Result<Outcome> {
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    let mut compared = Compared::default();
    for _ in 0..effort.rounds {
        let begun = Instant::now();
        // The least that a service needs: a program that listens, and one connection to the database.
        let _anchor = reads::same_bytes(programs, b"{}").await?;
        run_sql(&database, "SELECT 1").await?;
        compared.anchor.push(begun.elapsed().as_secs_f64() * 1_000.0);
        world.stack.kill("posts")?;
        sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        world.stack.spawn_with("posts", &[])?;
        await_ready(posts).await?;
        compared.chatty.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    let what = ("posts is started, then ready", "bare axum is started, then one connection of psql");
    Ok(Outcome::new("P22", what, "ms", &compared, Bound::AtMost(4.0, 2.0), (true, String::new())))
}

/// Measures the time from the start of the service recommendations until it is ready, for which it reads a million
/// likes. The anchor is psql, which reads the table of these likes (P22-likes).
pub(crate) async fn measure_with_likes(world: &mut World, effort: Effort) -> Result<Outcome> {
    let likes = likes::generate(likes::SPARSE, 1)?;
    recommend::seed(world, &likes).await?;
    let (service, database) = (world.address("recommendations")?, world.database_of("recommendations")?);
    let mut compared = Compared::default();
    for _ in 0..effort.rounds {
        let begun = Instant::now();
        run_sql(&database, "\\copy likes TO '/dev/null'\n").await?;
        compared.anchor.push(begun.elapsed().as_secs_f64() * 1_000.0);
        world.stack.kill("recommendations")?;
        sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        world.stack.spawn_with("recommendations", &[])?;
        await_ready(service).await?;
        compared.chatty.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    let what = format!("recommendations is started with {} likes, then ready", likes.len());
    let what = (&*what, "psql, \\copy of the table");
    Ok(Outcome::new("P22-likes", what, "ms", &compared, Bound::AtMost(2.0, 1.3), (true, String::new())))
}

/// Waits until `/readyz` says `ready`, for 60 s at most.
async fn await_ready(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    let is_ready = async || -> Result<bool> {
        let answer = load::send_once(address, load::request("GET", "/readyz", None)).await?;
        // The answer `degraded` has the status 200, too: the service serves, but its memory is not filled yet.
        Ok(serde_json::from_slice::<serde_json::Value>(&answer)?.get("status").is_some_and(|word| word == "ready"))
    };
    while !is_ready().await.unwrap_or(false) {
        ensure!(begun.elapsed() < Duration::from_secs(60), "{address} does not become ready");
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
