//! P21: the memory of the services at rest. The same is measured with a million posts, and after use.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use shared::services::SERVICE_NAMES;

use super::reads;
use super::writes::Likes;
use crate::cpu;
use crate::load::{self, Get};
use crate::report::{Bound, Outcome};
use crate::rounds::Compared;
use crate::world::{World, run_sql};

/// The time in which the services have nothing to do before they are measured.
const REST: Duration = Duration::from_secs(20);

/// Measures the services at rest, with their consumers, relays, caches and connections: each compared with an axum
/// server that only answers (P21), and all together compared with one worker of FastAPI (P21 sum).
pub(crate) async fn measure_at_rest(world: &World, programs: &Path, tools: &Path) -> Result<[Outcome; 2]> {
    let axum = reads::same_bytes(programs, b"{}").await?;
    let stub = reads::stub(world, tools).await?;
    tokio::time::sleep(REST).await;
    let [axum, worker] = [axum.process.pid()?, stub.worker.pid()?].map(|pid| mebibytes(cpu::memory(&[pid])));
    let (sizes, each) = measure_sizes(world)?;
    let all = Compared { anchor: vec![worker], chatty: vec![sizes.iter().sum()] };
    // Each service counts as a round, so that the figure is the median of the five.
    let one = Compared { anchor: vec![axum; sizes.len()], chatty: sizes };
    let what = ("own memory (PSS) of a service at rest: the median of five", "bare axum");
    let one = Outcome::new("P21", what, "MiB", &one, Bound::AtMost(2.5, 1.5), (true, each));
    let what = ("own memory (PSS) of all five at rest", "one worker of FastAPI");
    Ok([one, Outcome::new("P21 sum", what, "MiB", &all, Bound::AtMost(1.5, 1.0), (true, String::new()))])
}

/// The number of posts that [`measure_with_posts`] stores.
const MANY_POSTS: usize = 1_000_000;
/// The length of the load in [`measure_with_posts`].
const SOAK: Duration = Duration::from_secs(20);
/// The length of the same load for figures that are published.
const LONG_SOAK: Duration = Duration::from_secs(600);

/// Measures the services with a million posts in their tables right after a start, compared with `at_rest`; and once
/// more after people have read and liked at full speed, for longer if `full` is true.
pub(crate) async fn measure_with_posts(world: &mut World, at_rest: &Outcome, full: bool) -> Result<Vec<Outcome>> {
    for (service, table) in
        [("posts", POSTS_OF_POSTS), ("subscriptions", COPY), ("admin", SHORT_COPY), ("recommendations", COPY)]
    {
        run_sql(&world.database_of(service)?, &table.replace("COUNT", &MANY_POSTS.to_string())).await?;
        world.stack.restart(service).await?;
    }
    tokio::time::sleep(REST).await;
    let (fresh, each) = measure_sizes(world)?;
    let compared = Compared { anchor: vec![at_rest.chatty_figure; fresh.len()], chatty: fresh };
    let what = ("the same with a million posts: the median of five", "at rest without posts");
    let first = Outcome::new("memory", what, "MiB", &compared, Bound::AtMost(4.0, 1.5), (true, each));

    let length = if full { LONG_SOAK } else { SOAK };
    let posts = world.address("posts")?;
    let likes = Likes::new((0..1_024).map(|n| world.token(4_000_000 + n)).collect());
    let read = Arc::new(Get((1..=MANY_POSTS).step_by(10).map(|id| (format!("/posts/{id}"), None)).collect()));
    let loads = tokio::try_join!(
        load::run_closed_loop(posts, 64, length, likes),
        load::run_closed_loop(posts, 16, length, read)
    )?;
    let errors = loads.0.errors + loads.1.errors;
    tokio::time::sleep(REST).await;
    let (used, each) = measure_sizes(world)?;
    let compared = Compared { anchor: vec![first.chatty_figure; used.len()], chatty: used };
    let what = format!("the same after {} s of reads and likes at full speed", length.as_secs());
    let bound = Bound::AtMost(3.0, 1.5);
    let seen = (errors == 0, format!("{each}; {errors} errors"));
    Ok(vec![first, Outcome::new("memory", (&what, "before"), "MiB", &compared, bound, seen)])
}

/// The statements that store `COUNT` posts in the database of posts, which owns them.
const POSTS_OF_POSTS: &str = "INSERT INTO posts (version, author_id, title, content, created_at, updated_at, \
    decision_version) SELECT 1, 1, 'Post ' || n, repeat('All work and no play. ', 18), now(), now(), 0 \
    FROM generate_series(1, COUNT) AS n; INSERT INTO post_counts (post_id, version, like_count, comment_count, view_count) \
    SELECT id, 1, 0, 0, 0 FROM posts ON CONFLICT DO NOTHING;";
/// The statement that stores copies of `COUNT` posts in the database of a service that returns whole posts.
const COPY: &str = "INSERT INTO posts (id, version, deleted, author_id, title, content, created_at, updated_at) \
    SELECT n, 1, false, 1 + n % 50000, 'Post ' || n, repeat('All work and no play. ', 18), now(), now() \
    FROM generate_series(1, COUNT) AS n ON CONFLICT DO NOTHING;";
/// The statement that stores copies of `COUNT` posts in the database of admin, which keeps no texts.
const SHORT_COPY: &str = "INSERT INTO posts (id, version, deleted, created_at) SELECT n, 1, false, now() \
    FROM generate_series(1, COUNT) AS n ON CONFLICT DO NOTHING;";

/// Returns the memory of each service in MiB, as numbers and as text.
fn measure_sizes(world: &World) -> Result<(Vec<f64>, String)> {
    let sizes: Vec<f64> = SERVICE_NAMES
        .into_iter()
        .map(|service| Ok(mebibytes(cpu::memory(&[world.stack.pid(service)?]))))
        .collect::<Result<_>>()?;
    let each: Vec<String> =
        SERVICE_NAMES.iter().zip(&sizes).map(|(service, size)| format!("{service} {size:.0}")).collect();
    Ok((sizes, each.join(", ")))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
