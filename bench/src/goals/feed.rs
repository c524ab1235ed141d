//! P7: first pages of feeds, compared with a server that answers the same bytes (P7a) and with the best SQL (P7b).

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::reads;
use crate::anchors::{Sql, pgbench};
use crate::load::{self, Get};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare};
use crate::world::{World, run_sql};

/// The number of clients of a closed loop.
const CLIENTS: usize = 64;
/// The number of people who follow 500 others each.
const READERS: usize = 64;
/// The number of people who follow 2 000 others each. Their ids follow those of the other readers.
const AVID_READERS: usize = 16;
/// The number of people who have written posts.
const AUTHORS: usize = 100_000;
/// The number of posts that these people have written.
const POSTS: usize = 600_000;
/// The id just below that of the first of these posts. It is far above the ids that the service posts gives out
/// meanwhile.
const FIRST_POST: usize = 1_000_000_000;
/// The anchor's statement, which reads the first page of a reader's feed by keys.
const FEED: Sql = Sql { file: "feed.sql", variable: ("readers", READERS) };

/// Measures first pages of feeds, compared with a server that answers the bytes of one such page to every request
/// (P7a), and with the best SQL (P7b).
pub(crate) async fn measure_first_page(world: &mut World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    seed(world).await?;
    let feeds = world.address("subscriptions")?;
    let reader = |id: usize| ("/feed".to_owned(), Some(world.token(id)));
    let mut outcomes = Vec::new();
    for (goal, ids, followees, bound) in [
        ("P7a", 1..=READERS, 500, Bound::AtLeast(0.7, 0.85)),
        ("P7a-2000", READERS + 1..=READERS + AVID_READERS, 2_000, Bound::AtLeast(0.55, 0.7)),
    ] {
        let page = load::send_once(feeds, load::request("GET", "/feed", Some(&world.token(*ids.start())))).await?;
        let answer: Value = serde_json::from_slice(&page)?;
        let posts = answer.pointer("/posts").and_then(Value::as_array).map_or(0, Vec::len);
        // A shorter page would be cheaper than the one that the goal is about.
        ensure!(posts == 20, "a feed has {posts} posts");
        let anchor = reads::same_bytes(programs, &page).await?;
        let script = Arc::new(Get(ids.map(reader).collect()));
        let what = format!("first page of a feed, {followees} followed, {} bytes", page.len());
        let sides = [(anchor.address, Arc::clone(&script)), (feeds, script)];
        outcomes.push(
            reads::compare_servers(effort, goal, (&what, "axum that answers the same bytes"), bound, sides).await?,
        );
    }
    // The statement chooses among the same readers.
    let script = Arc::new(Get((1..=READERS).map(reader).collect()));
    let database = world.database_of("subscriptions")?;
    let mut errors = 0;
    let compared: Compared = compare(
        effort,
        async |length| Ok(pgbench(&database, FEED, CLIENTS, length).await?.rate),
        async |length| {
            let load = load::run_closed_loop(feeds, CLIENTS, length, Arc::clone(&script)).await?;
            errors += load.errors;
            Ok(load.rate())
        },
    )
    .await?;
    let what = ("first page of a feed, 500 followed", "pgbench, the best SQL by key");
    let seen = (errors == 0, format!("{errors} errors"));
    outcomes.push(Outcome::new("P7b", what, "requests/s", &compared, Bound::AtLeast(25.0, 40.0), seen));
    Ok(outcomes)
}

/// Stores people, posts, counters and subscriptions directly in the database of the service subscriptions, not by
/// events, and restarts the service so that it reads them.
async fn seed(world: &mut World) -> Result<()> {
    let first_author = 1_000;
    let readers = READERS + AVID_READERS;
    let seeds = format!(
        "INSERT INTO users (id, version, deleted, username, created_at, verified, blocked, session_version) \
         SELECT n, 1, false, 'user' || n, now(), true, false, 0 FROM generate_series({first_author}, {last}) AS n \
         ON CONFLICT DO NOTHING;
         INSERT INTO posts (id, version, deleted, author_id, title, content, created_at, updated_at) \
         SELECT {FIRST_POST} + n, 1, false, {first_author} + (n::bigint * 7919) % {AUTHORS}, 'Post ' || n, \
         repeat('All work and no play. ', 18), \
         now(), now() FROM generate_series(1, {POSTS}) AS n ON CONFLICT DO NOTHING;
         INSERT INTO post_counts (id, version, like_count, comment_count, view_count) \
         SELECT {FIRST_POST} + n, 1, n % 7, n % 3, n % 11 FROM generate_series(1, {POSTS}) AS n ON CONFLICT DO NOTHING;
         INSERT INTO subscriptions (follower_id, followee_id, active, version, created_at) \
         SELECT reader, {first_author} + (n::bigint * 104729 + reader * 31) % {AUTHORS}, true, 1, now() \
         FROM generate_series(1, {readers}) AS reader, \
         generate_series(1, CASE WHEN reader <= {READERS} THEN 500 ELSE 2000 END) AS n;
         VACUUM ANALYZE;",
        last = first_author + AUTHORS - 1,
    );
    run_sql(&world.database_of("subscriptions")?, &seeds).await?;
    world.stack.restart("subscriptions").await
}
