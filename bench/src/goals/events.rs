//! P12 to P14: events on their way from one service to the next. The anchor is lapin alone, on the same broker.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::writes::Likes;
use crate::anchors::read_figure;
use crate::load::{self, Call, Late, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare, median};
use crate::world::{World, run_sql};

/// The number of likes per second that keep the system busy.
const LIKES_PER_SECOND: f64 = 500.0;
/// The number of posts per second that keep the system busy.
const POSTS_PER_SECOND: f64 = 39.0;
/// The number of measured posts per second. Together with the other posts there are 50 a second. The two rates have no
/// common divisor: if they had one, the measured posts would always, or never, be due at the same moment as other
/// posts.
const MARKERS_PER_SECOND: f64 = 11.0;
/// The author of the posts that keep the system busy.
const AUTHOR: usize = 2_000_001;
/// The author of the measured posts.
const MARKER: usize = 2_000_002;
/// The only follower of [`MARKER`].
const READER: usize = 2_000_003;
/// The number of events in each backlog.
const BACKLOG: usize = 100_000;
/// The number of likes in one row of the outbox when some hundred clients share commits.
const SHARED: usize = 50;

/// New posts by the user of this access token.
struct Posts(String);

impl Script for Posts {
    fn call(&self, _client: usize, n: usize) -> Call {
        let body = json!({ "title": format!("Post {n}"), "content": "All work and no play. ".repeat(15) });
        load::post("/posts", Some(&self.0), &body)
    }
}

/// Measures the time from the answer to a new post until the post is in a follower's feed, while other people like and
/// post (P13). The anchor is the time of a message from publishing to consuming, at the same number of messages per
/// second.
pub(crate) async fn measure_lag(world: &World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    // The measured author and the reader are stored directly and not by events, because both have to be there before
    // the first post.
    let people = format!(
        "INSERT INTO users (id, version, deleted, username, created_at, verified, blocked, session_version) \
         VALUES ({MARKER}, 1, false, 'user{MARKER}', now(), true, false, 0) ON CONFLICT DO NOTHING;
         INSERT INTO subscriptions (follower_id, followee_id, active, version, created_at) \
         VALUES ({READER}, {MARKER}, true, 1, now()) ON CONFLICT DO NOTHING;"
    );
    run_sql(&world.database_of("subscriptions")?, &people).await?;
    let amqp = &world.stack.addresses().amqp_url;
    let rate = (LIKES_PER_SECOND + POSTS_PER_SECOND + MARKERS_PER_SECOND).to_string();
    let likes = Likes::new((0..512).map(|n| world.token(2_100_000 + n)).collect());
    let tails = RefCell::new(Compared::default());
    let errors = RefCell::new(0);
    let compared = compare(
        effort,
        async |length: Duration| {
            let seconds = length.as_secs().to_string();
            let seen = read_figure(&programs.join("anchor-lapin"), &[amqp, "lag", &rate, &seconds]).await?;
            tails.borrow_mut().anchor.push(number(&seen, "p99_ms")?);
            number(&seen, "p50_ms")
        },
        async |length| {
            let posts = world.address("posts")?;
            let author = Arc::new(Posts(world.token(AUTHOR)));
            let (markers, liked, posted) = tokio::try_join!(
                measure_markers(world, length),
                load::run_open_loop(posts, 64, (LIKES_PER_SECOND, length), Late::Sent, Arc::clone(&likes)),
                load::run_open_loop(posts, 16, (POSTS_PER_SECOND, length), Late::Sent, author),
            )?;
            *errors.borrow_mut() += liked.errors + posted.errors;
            tails.borrow_mut().chatty.push(quantile(&markers, 0.99));
            Ok(quantile(&markers, 0.5))
        },
    )
    .await?;
    let mut tails = tails.into_inner();
    // The first figure of each side is that of its warm-up.
    tails.anchor.remove(0);
    tails.chatty.remove(0);
    let errors = errors.into_inner();
    let seen = || (errors == 0, format!("{errors} errors"));
    let raw = "raw lapin, from publishing to consuming";
    let what = ("a post is answered, then in a feed: p50, at 500 likes and 50 posts a second", raw);
    let first = Outcome::new("P13", what, "ms", &compared, Bound::AtMost(2.0, 1.5), seen());
    let what = ("the same: p99", raw);
    Ok(vec![first, Outcome::new("P13 p99", what, "ms", &tails, Bound::AtMost(2.5, 2.0), seen())])
}

/// Writes posts at a fixed rate, and returns for each post the milliseconds from the answer to the request until the
/// post is the first one in the reader's feed.
async fn measure_markers(world: &World, length: Duration) -> Result<Vec<f64>> {
    let (posts, feeds) = (world.address("posts")?, world.address("subscriptions")?);
    let (author, reader) = (world.token(MARKER), world.token(READER));
    let start = Instant::now();
    let mut seen = Vec::new();
    let mut feed = load::Client::connect(feeds).await?;
    let mut new = load::Client::connect(posts).await?;
    for n in 0..(length.as_secs_f64() * MARKERS_PER_SECOND) as usize {
        sleep_until(start + Duration::from_secs_f64(n as f64 / MARKERS_PER_SECOND)).await;
        let (status, answer) = new.send(Posts(author.clone()).call(0, n)).await?;
        let answered = Instant::now();
        ensure!(status.is_success(), "a post is answered with {status}");
        let id = serde_json::from_slice::<Value>(&answer)?.pointer("/post/id").cloned().context("no id")?;
        loop {
            let (_, page) = feed.send(load::request("GET", "/feed?limit=1", Some(&reader))).await?;
            if serde_json::from_slice::<Value>(&page)?.pointer("/posts/0/id") == Some(&id) {
                break;
            }
            ensure!(answered.elapsed() < Duration::from_secs(10), "a post does not arrive in a feed");
            pause(Duration::from_micros(300)).await?;
        }
        seen.push(answered.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(seen)
}

/// Waits with the precision of the system's clock. The runtime's timer counts in milliseconds, which is too coarse
/// here.
async fn pause(length: Duration) -> Result<()> {
    Ok(tokio::task::spawn_blocking(move || std::thread::sleep(length)).await?)
}

/// Returns a percentile of figures; `share` is 0.99 for the p99.
fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Returns the figure of this name from the JSON that an anchor has printed.
fn number(seen: &Value, name: &str) -> Result<f64> {
    seen.get(name).and_then(Value::as_f64).with_context(|| format!("the anchor says no {name}"))
}

/// Measures how quickly the events of a full outbox get to the broker (P12), and then how quickly a consumer that finds
/// its queue full catches up (P14).
pub(crate) async fn measure_backlog(world: &mut World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    let amqp = world.stack.addresses().amqp_url.clone();
    let anchor = async |words: &[&str]| {
        let mut arguments = vec![amqp.as_str()];
        arguments.extend(words);
        number(&read_figure(&programs.join("anchor-lapin"), &arguments).await?, "per_second")
    };
    let count = BACKLOG.to_string();
    let (mut rows, mut likes, mut one_by_one, mut consumed) =
        (Compared::default(), Compared::default(), Compared::default(), Compared::default());
    // Three rounds at most: each of them restarts services and moves 200 000 events.
    for round in 0..effort.rounds.min(3) {
        rows.anchor.push(anchor(&["publish", &count, "1000"]).await?);
        one_by_one.anchor.push(anchor(&["publish", "2000", "1"]).await?);
        consumed.anchor.push(anchor(&["consume", &count]).await?);
        // The people are new in each round, since a like that is known already is not counted as arrived.
        let first = 1_000_000_000 + 2 * round * BACKLOG;
        rows.chatty.push(measure_relay(world, first, 1).await?);
        consumed.chatty.push(measure_consumer(world, first).await?);
        likes.chatty.push(measure_relay(world, first + BACKLOG, SHARED).await?);
        measure_consumer(world, first + BACKLOG).await?;
    }
    // Both rows P12a share one measurement of the anchor, and P12a and P12b share one measurement of Chatty.
    likes.anchor.clone_from(&rows.anchor);
    one_by_one.chatty.clone_from(&rows.chatty);
    let what = "rows of the outbox to the broker, deleted when confirmed";
    let seen = || (true, format!("{BACKLOG} rows of one like"));
    let [at_once, awaited] = ["raw lapin, 1 000 unconfirmed", "raw lapin, each confirm awaited"];
    Ok(vec![
        Outcome::new("P12a", (what, at_once), "messages/s", &rows, Bound::AtLeast(0.7, 0.9), seen()),
        Outcome::new(
            "P12a likes",
            ("likes that shared commits, to the broker", at_once),
            "events/s",
            &likes,
            Bound::AtLeast(10.0, 30.0),
            (true, format!("{SHARED} likes in each row")),
        ),
        Outcome::new("P12b", (what, awaited), "messages/s", &one_by_one, Bound::AtLeast(10.0, 20.0), seen()),
        Outcome::new(
            "P14",
            ("a consumer catches up: likes in its database and its memory", "raw lapin, consumed and acknowledged"),
            "events/s",
            &consumed,
            Bound::AtLeast(0.5, 0.8),
            (true, format!("median {:.1} s for {BACKLOG}", BACKLOG as f64 / median(&consumed.chatty))),
        ),
    ])
}

/// Fills the outbox of the service posts with likes of new people, in rows like those that transactions of `per_row`
/// likes each store. The ids of the people begin after `first`.
async fn fill_outbox(world: &World, first: usize, per_row: usize) -> Result<()> {
    let rows = format!(
        "INSERT INTO outbox (message_id, stream, payload) SELECT gen_random_uuid()::text, 'like', convert_to(format(\
         '{{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/chatty/posts\",\"type\":\"chatty.like.v1\",\
         \"time\":\"2026-01-01T00:00:00.000000Z\",\"datacontenttype\":\"application/json\",\"traceparent\":\
         \"00-00000000000000000000000000000001-0000000000000001-01\",\"data\":[%s]}}', gen_random_uuid(), \
         string_agg(format('{{\"user_id\":%s,\"post_id\":%s,\"version\":1,\"deleted\":false}}', \
         {first} + n, 1 + n % 10000), ',')), 'UTF8') \
         FROM generate_series(1, {BACKLOG}) AS n GROUP BY n / {per_row};"
    );
    run_sql(&world.database_of("posts")?, &rows).await.map(drop)
}

/// Fills the outbox of the service posts, starts the service, and returns how many likes per second leave the outbox.
/// The service recommendations is stopped meanwhile, so nothing consumes the likes.
async fn measure_relay(world: &mut World, first: usize, per_row: usize) -> Result<f64> {
    world.stack.kill("recommendations")?;
    world.stack.kill("posts")?;
    fill_outbox(world, first, per_row).await?;
    let database = world.database_of("posts")?;
    let left =
        async || Ok::<_, anyhow::Error>(run_sql(&database, "SELECT count(*) FROM outbox").await?.parse::<usize>()?);
    // The rows are counted. Each of them stands for the same number of likes.
    let rows = left().await?;
    world.stack.spawn_with("posts", &[])?;
    measure_rate(async || Ok(BACKLOG - (left().await? * BACKLOG).div_ceil(rows))).await
}

/// Starts the service recommendations, and returns how many likes per second arrive in its database. Only likes of the
/// people whose ids begin after `first` are counted.
async fn measure_consumer(world: &mut World, first: usize) -> Result<f64> {
    let database = world.database_of("recommendations")?;
    world.stack.spawn_with("recommendations", &[])?;
    let arrived = format!("SELECT count(*) FROM likes WHERE user_id > {first} AND user_id <= {}", first + BACKLOG);
    measure_rate(async || Ok(run_sql(&database, &arrived).await?.parse()?)).await
}

/// Returns the number of events per second from the first event of a backlog to the last, so that the start of the
/// process is not counted. `done` returns how many events of the backlog are done.
///
/// # Errors
/// If the backlog is not done after two minutes, or `done` fails.
async fn measure_rate(done: impl AsyncFn() -> Result<usize>) -> Result<f64> {
    let mut begun: Option<(Instant, usize)> = None;
    let patience = Instant::now() + Duration::from_secs(120);
    loop {
        let now = done().await?;
        match begun {
            // The clock starts with the first event that is done.
            None if now > 0 => begun = Some((Instant::now(), now)),
            Some((at, first)) if now >= BACKLOG => {
                return Ok((now - first) as f64 / at.elapsed().as_secs_f64());
            }
            _ => {}
        }
        ensure!(Instant::now() < patience, "{now} of {BACKLOG} events after two minutes");
        sleep(Duration::from_millis(20)).await;
    }
}
