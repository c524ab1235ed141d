//! P8 to P11, and P24: durable writes, which share commits. The anchor is pgbench with one statement that has the same
//! effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::anchors::{Sql, pgbench, pgbench_once};
use crate::cpu;
use crate::load::{self, Call, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare};
use crate::world::{World, run_sql};

/// The number of posts.
const POSTS: usize = 10_000;
/// A like of a random post, in one statement.
const LIKE: Sql = Sql { file: "like.sql", variable: ("posts", POSTS) };
/// A like of one and the same post, in one statement.
const LIKE_OF_ONE: Sql = Sql { file: "like.sql", variable: ("posts", 1) };
/// The row of a like alone, without counter and event.
const INSERT: Sql = Sql { file: "insert.sql", variable: ("posts", POSTS) };
/// The largest number of people who like at the same time.
const PEOPLE: usize = 256;
/// The number of people who like one post. They are fewer than the 50 000 tokens that a service remembers.
const FANS: usize = 40_000;
/// The largest number of pgbench's clients. Each has a connection, and Postgres allows 120 in all.
const MOST_CONNECTIONS: usize = 80;

/// Likes that were never given before. Each client likes all posts as one person, one after the other, and then goes on
/// as another person.
pub(crate) struct Likes {
    tokens: Vec<String>,
    /// The number of likes that each client has given so far, in all rounds.
    given: Vec<AtomicUsize>,
}

impl Likes {
    /// Creates the script with the access tokens of the people.
    pub(crate) fn new(tokens: Vec<String>) -> Arc<Self> {
        let given = tokens.iter().map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self { tokens, given })
    }
}

impl Script for Likes {
    fn call(&self, client: usize, _n: usize) -> Call {
        let n = self.given.get(client).map_or(0, |given| given.fetch_add(1, Ordering::Relaxed));
        // A step without a common divisor with the number of posts visits each post once, and never two neighbours in a
        // row.
        let (person, post) = (client + PEOPLE * (n / POSTS), 1 + (client * 131 + n * 7_919) % POSTS);
        let token = self.tokens.get(person % self.tokens.len().max(1));
        load::request("POST", &format!("/posts/{post}/likes"), token.map(String::as_str))
    }
}

/// Likes of one post: everybody likes it, one person after the other, then everybody takes the like back, and so on. So
/// each request changes the counter.
struct Fans {
    tokens: Vec<String>,
    next: AtomicUsize,
}

impl Script for Fans {
    fn call(&self, _client: usize, _n: usize) -> Call {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let people = self.tokens.len().max(1);
        let method = if (n / people).is_multiple_of(2) { "POST" } else { "DELETE" };
        load::request(method, "/posts/1/likes", self.tokens.get(n % people).map(String::as_str))
    }
}

/// Stores the posts for the goals that read and like posts. They are written into the database directly, because the
/// API limits how much a person may write.
pub(crate) async fn seed_posts(world: &World) -> Result<()> {
    let seeds = format!(
        "INSERT INTO users (id, version, deleted, username, blocked, session_version) \
         VALUES (1, 1, false, 'author', false, 0) ON CONFLICT DO NOTHING;
         INSERT INTO posts (version, author_id, title, content, created_at, updated_at, decision_version) \
         SELECT 1, 1, 'Post ' || n, repeat('All work and no play. ', 20), now(), now(), 0 \
         FROM generate_series(1, {POSTS}) AS n;
         INSERT INTO post_counts (post_id, version, like_count, comment_count, view_count) \
         SELECT id, 1, 0, 0, 0 FROM posts ON CONFLICT DO NOTHING;
         ANALYZE posts; ANALYZE post_counts; ANALYZE users;"
    );
    run_sql(&world.database_of("posts")?, &seeds).await.map(drop)
}

/// Creates the database for pgbench on the server of the stack, with the tables of the service posts that a like
/// changes, and returns its URL. An existing one is dropped first.
async fn create_anchor_database(world: &World) -> Result<String> {
    let database = world.database("anchor")?;
    run_sql(&world.database("postgres")?, "DROP DATABASE IF EXISTS anchor;\nCREATE DATABASE anchor;").await?;
    let schema = std::fs::read_to_string(crate::anchors::folder()?.join("schema.sql"))?;
    run_sql(&database, &schema).await?;
    Ok(database)
}

/// Reads every post once, because people like what they have read. The service then has each post in memory.
async fn read_all_posts(world: &World) -> Result<()> {
    const READERS: usize = 50;
    struct Each;
    impl Script for Each {
        fn call(&self, client: usize, n: usize) -> Call {
            load::request("GET", &format!("/posts/{}", 1 + client + n * READERS), None)
        }
    }
    let read = load::send_each(world.address("posts")?, READERS, POSTS / READERS, Arc::new(Each)).await?;
    ensure!(read.errors == 0, "{} posts cannot be read", read.errors);
    Ok(())
}

/// Measures likes of random posts, compared with pgbench with the same effect (P8a) and with a single insert (P8b), and
/// the processor time of a like (P24). The relay, the broker and the consumers of three services run meanwhile.
pub(crate) async fn measure_likes(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    let database = create_anchor_database(world).await?;
    let on_all = Likes::new((0..PEOPLE * 8).map(|n| world.token(1_000 + n)).collect());
    read_all_posts(world).await?;
    let mut outcomes = Vec::new();
    let random = "likes of random posts, durable before the answer";
    let in_sql = "pgbench, the same in one SQL statement";
    for (goal, clients, bound) in
        [("P8a-50", 50, Bound::AtLeast(1.3, 2.5)), ("P8a-256", PEOPLE, Bound::AtLeast(2.5, 5.0))]
    {
        let (compared, seen) = compare_likes(world, effort, &database, LIKE, clients, &on_all).await?;
        let what = (&*format!("{random}, {clients} clients"), in_sql);
        outcomes.push(Outcome::new(goal, what, "likes/s", &compared, bound, seen.judge()));
        // P24 is measured with the most clients, when most likes share a commit.
        outcomes.extend((clients == PEOPLE).then(|| seen.cpu(in_sql)));
    }
    let (compared, seen) = compare_likes(world, effort, &database, INSERT, 50, &on_all).await?;
    let what = (&*format!("{random}, 50 clients"), "pgbench, one INSERT");
    outcomes.push(Outcome::new("P8b", what, "likes/s", &compared, Bound::AtLeast(0.8, 1.0), seen.judge()));
    check_counts(world).await?;
    Ok(outcomes)
}

/// Measures likes of one post by many people (P9). Each person first reads the post with the same token, so that the
/// service knows the token.
pub(crate) async fn measure_likes_of_one_post(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    struct Readers(Vec<String>);
    impl Script for Readers {
        fn call(&self, client: usize, n: usize) -> Call {
            load::request("GET", "/posts/1", self.0.get(client + n * PEOPLE).map(String::as_str))
        }
    }
    let database = create_anchor_database(world).await?;
    let readers = Arc::new(Readers((0..FANS).map(|n| world.token(1_000_000 + n)).collect()));
    let read = load::send_each(world.address("posts")?, PEOPLE, FANS.div_ceil(PEOPLE), Arc::clone(&readers)).await?;
    ensure!(read.errors == 0, "the post cannot be read {} times", read.errors);
    let fans = Arc::new(Fans { tokens: readers.0.clone(), next: AtomicUsize::new(0) });
    let mut outcomes = Vec::new();
    for (goal, clients, bound) in
        [("P9-50", 50, Bound::AtLeast(12.0, 16.0)), ("P9-256", PEOPLE, Bound::AtLeast(25.0, 35.0))]
    {
        let (compared, seen) = compare_likes(world, effort, &database, LIKE_OF_ONE, clients, &fans).await?;
        let what = (&*format!("likes of one post, {clients} clients"), "pgbench, the same in one SQL statement");
        outcomes.push(Outcome::new(goal, what, "likes/s", &compared, bound, seen.judge()));
    }
    check_counts(world).await?;
    Ok(outcomes)
}

/// Measures the latency of a like when there is only one client, whose likes cannot share commits (P10).
pub(crate) async fn measure_single_client(world: &World, effort: Effort) -> Result<Outcome> {
    let database = create_anchor_database(world).await?;
    let script = Likes::new((0..PEOPLE * 2).map(|n| world.token(900_000 + n)).collect());
    let posts = world.address("posts")?;
    read_all_posts(world).await?;
    let mut errors = 0;
    let compared = compare(
        effort,
        async |length| Ok(pgbench(&database, LIKE, 1, length).await?.millis),
        async |length| {
            let load = load::run_closed_loop(posts, 1, length, Arc::clone(&script)).await?;
            errors += load.errors;
            Ok(load.millis(0.5))
        },
    )
    .await?;
    let what = ("a like of one client: p50", "pgbench, one client: mean");
    Ok(Outcome::new("P10", what, "ms", &compared, Bound::AtMost(1.3, 1.15), (errors == 0, format!("{errors} errors"))))
}

/// The observations of a comparison of likes, apart from the rate.
#[derive(Default)]
struct Observations {
    errors: u64,
    /// The highest p99 of all rounds, in milliseconds.
    worst_p99: f64,
    /// The processor time of a like in microseconds.
    cpu: Compared,
}

impl Observations {
    /// Returns whether there was no error, and a note for the table.
    fn judge(&self) -> (bool, String) {
        (self.errors == 0, format!("{} errors, p99 at most {:.0} ms", self.errors, self.worst_p99))
    }

    /// Returns the outcome of P24.
    fn cpu(&self, anchor: &str) -> Outcome {
        let what = ("processor time of a like: services, Postgres, broker, consumers", anchor);
        Outcome::new("P24", what, "µs", &self.cpu, Bound::AtMost(1.0, 0.6), (true, String::new()))
    }
}

/// Compares the likes of a script, sent by `clients` clients, with a statement that pgbench runs with as many clients,
/// but at most [`MOST_CONNECTIONS`].
async fn compare_likes(
    world: &World,
    effort: Effort,
    database: &str,
    statement: Sql,
    clients: usize,
    script: &Arc<impl Script>,
) -> Result<(Compared, Observations)> {
    let (posts, processes) = (world.address("posts")?, world.processes()?);
    let postgres = [world.stack.pid("postgres")?];
    let seen = std::cell::RefCell::new(Observations::default());
    let connections = clients.min(MOST_CONNECTIONS);
    // Connections of pgbench cost processor time in each round. Chatty keeps its connections in pools, so the time of
    // connecting is subtracted from that of pgbench.
    let before = cpu::seconds(&postgres);
    pgbench_once(database, statement, connections).await?;
    let connecting = cpu::seconds(&postgres) - before;
    let compared = compare(
        effort,
        async |length: Duration| {
            let before = cpu::seconds(&postgres);
            let bench = pgbench(database, statement, connections, length).await?;
            let used = cpu::seconds(&postgres) - before - connecting;
            seen.borrow_mut().cpu.anchor.push(used * 1e6 / (bench.rate * length.as_secs_f64()));
            Ok(bench.rate)
        },
        async |length| {
            let before = cpu::seconds(&processes);
            let load = load::run_closed_loop(posts, clients, length, Arc::clone(script)).await?;
            // The work of a like includes its event, so the processor time is read only when the events have left.
            await_empty_outbox(world).await?;
            let used = cpu::seconds(&processes) - before;
            let mut seen = seen.borrow_mut();
            seen.cpu.chatty.push(used * 1e6 / load.answers as f64);
            seen.errors += load.errors;
            seen.worst_p99 = seen.worst_p99.max(load.millis(0.99));
            Ok(load.rate())
        },
    )
    .await?;
    let mut seen = seen.into_inner();
    // The first figure of each side is that of its warm-up.
    seen.cpu.anchor.remove(0);
    seen.cpu.chatty.remove(0);
    Ok((compared, seen))
}

/// Waits until the events of a round have left the outbox of the service posts, so that relaying them does not slow the
/// anchor down.
///
/// # Errors
/// If the outbox is not empty after about 30 s.
pub(crate) async fn await_empty_outbox(world: &World) -> Result<()> {
    let database = world.database_of("posts")?;
    for _ in 0..600 {
        if run_sql(&database, "SELECT count(*) FROM outbox").await? == "0" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the outbox of posts does not drain")
}

/// Checks that every counter of likes in the database of posts equals the number of rows that it counts.
pub(crate) async fn check_counts(world: &World) -> Result<()> {
    let wrong = "SELECT count(*) FROM post_counts LEFT JOIN \
                 (SELECT post_id, count(*) AS likes FROM likes WHERE active GROUP BY post_id) AS liked USING (post_id) \
                 WHERE like_count <> COALESCE(likes, 0)";
    let wrong = run_sql(&world.database_of("posts")?, wrong).await?;
    ensure!(wrong == "0", "{wrong} posts have a wrong counter");
    Ok(())
}

/// Checks that no hit is lost when 50 and then 100 clients hit one counter (P11). The prototype lost some of them.
pub(crate) async fn measure_hits(world: &World) -> Result<Outcome> {
    struct Hits;
    impl Script for Hits {
        fn call(&self, _client: usize, _n: usize) -> Call {
            load::request("POST", "/posts/2/views", None)
        }
    }
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    let counter = async || -> Result<f64> {
        run_sql(&database, "SELECT view_count FROM post_counts WHERE post_id = 2").await?.parse().context("a counter")
    };
    let (mut compared, mut errors) = (Compared::default(), 0);
    for clients in [50, 100] {
        let before = counter().await?;
        let load = load::send_each(posts, clients, 1_000 / clients, Arc::new(Hits)).await?;
        errors += load.errors;
        compared.anchor.push(load.answers as f64);
        compared.chatty.push(counter().await? - before);
    }
    let right = errors == 0 && compared.anchor.iter().all(|hits| *hits >= 1_000.0) && compared.ratios() == [1.0, 1.0];
    let what = ("hits in the counter, 50 and then 100 clients, two connections", "hits that were answered");
    Ok(Outcome::new("P11", what, "hits", &compared, Bound::AtLeast(1.0, 1.0), (right, format!("{errors} errors"))))
}
