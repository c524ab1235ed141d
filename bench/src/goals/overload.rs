//! P23: more requests than can be answered; and the tests that the prototype was measured with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use testkit::servers::machine::find_program;

use super::reads::{self, Wrk, wrk};
use super::writes::{self, Likes};
use crate::load::{self, Client, Get, Late, Load, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort};
use crate::world::{World, run_sql};

/// The number of clients of a flood.
const MANY: usize = 1_024;
/// The length of a flood.
const FLOOD: Duration = Duration::from_secs(10);
/// The length of a flood for figures that are published.
const LONG_FLOOD: Duration = Duration::from_secs(30);
/// The longest time after a flood until the service has to be as quick as before.
const RECOVERY_LIMIT: Duration = Duration::from_secs(2);

/// Sends the service posts twice as many reads as it can answer, and then twice as many likes, from a thousand clients
/// in an open loop (P23). At the end every counter of likes must be right. If `full` is true, the floods are longer.
pub(crate) async fn measure_flood(world: &World, effort: Effort, full: bool) -> Result<Vec<Outcome>> {
    let length = if full { LONG_FLOOD } else { FLOOD };
    let read = Arc::new(Get(vec![("/posts/5".to_owned(), None)]));
    let mut outcomes = compare_flood(world, effort, length, ("P23", "reads", 64), read).await?;
    let likes = Likes::new((0..MANY * 4).map(|n| world.token(3_000_000 + n)).collect());
    outcomes.extend(compare_flood(world, effort, length, ("P23 likes", "likes", 256), likes).await?);
    writes::check_counts(world).await?;
    Ok(outcomes)
}

/// Compares a flood with a closed loop of `clients` clients, whose rate is the peak: by the rate of right answers, and
/// by the p99 from the sending of a request to its answer. `goal` and `what` name the rows of the table.
async fn compare_flood(
    world: &World,
    effort: Effort,
    length: Duration,
    (goal, what, clients): (&str, &str, usize),
    script: Arc<impl Script>,
) -> Result<Vec<Outcome>> {
    let posts = world.address("posts")?;
    let (mut rates, mut tails) = (Compared::default(), Compared::default());
    let (mut errors, mut slowest) = (0, Duration::ZERO);
    // The latency counts from the sending of a request and not from the moment when it was due, since a flood sends
    // nearly all requests late.
    let p99 = |load: &Load| load.served.value_at_quantile(0.99) as f64 / 1_000.0;
    // Three rounds at most: each of them floods the machine for many seconds.
    for _ in 0..effort.rounds.min(3) {
        let peak = load::run_closed_loop(posts, clients, effort.length, Arc::clone(&script)).await?;
        rates.anchor.push(peak.rate());
        tails.anchor.push(p99(&peak));
        writes::await_empty_outbox(world).await?;
        let flooded =
            load::run_open_loop(posts, MANY, (2.0 * peak.rate(), length), Late::Dropped, Arc::clone(&script)).await?;
        rates.chatty.push(flooded.rate());
        tails.chatty.push(p99(&flooded));
        errors += flooded.errors;
        slowest = slowest.max(measure_recovery(posts, p99(&peak), script.as_ref()).await?);
        writes::await_empty_outbox(world).await?;
    }
    let seen = || (slowest < RECOVERY_LIMIT, format!("{errors} refused; quick again after {} ms", slowest.as_millis()));
    let chatty = format!("{what} at twice the rate that can be answered, 1 024 clients, {} s", length.as_secs());
    let anchor = format!("{what} of {clients} clients");
    let unit = format!("{what}/s");
    let first = Outcome::new(goal, (&chatty, &anchor), &unit, &rates, Bound::AtLeast(0.9, 1.0), seen());
    let chatty = format!("p99 of these {what}, from the moment when they are sent");
    let second =
        Outcome::new(&format!("{goal} p99"), (&chatty, &anchor), "ms", &tails, Bound::AtMost(5.0, 2.0), seen());
    Ok(vec![first, second])
}

/// Sends requests of a script one after the other until one of them gets a right answer within `millis` milliseconds,
/// and returns the time that this has taken. It gives up after [`RECOVERY_LIMIT`], and then returns the longer time
/// that has passed.
async fn measure_recovery(address: SocketAddr, millis: f64, script: &impl Script) -> Result<Duration> {
    let begun = Instant::now();
    // Each try opens a connection of its own, since the flood's connections are gone.
    for n in 0.. {
        let sent = Instant::now();
        let answer = async { Client::connect(address).await?.send(script.call(0, n)).await }.await;
        let good = answer.is_ok_and(|(status, body)| script.accepts(status, &body));
        let quick = sent.elapsed().as_secs_f64() * 1_000.0 <= millis;
        if (good && quick) || begun.elapsed() > RECOVERY_LIMIT {
            break;
        }
    }
    Ok(begun.elapsed())
}

/// Runs the tests of the prototype with the same commands as then: wrk on one cached record, and ab on the hit counter.
/// Each test is a single round.
pub(crate) async fn run_prototype_tests(world: &World, tools: &Path) -> Result<Vec<Outcome>> {
    let auth = world.address("auth")?;
    let stub = reads::stub(world, tools).await?;
    let mut outcomes = Vec::new();
    for (goal, threads, connections, seconds) in
        [("wrk -t10 -c100 -d30s", 10, 100, 30), ("wrk -t5 -c200 -d60s", 5, 200, 60)]
    {
        let run = Wrk { threads, connections, length: Duration::from_secs(seconds) };
        let mut compared = Compared::default();
        let (slow, fast) = (wrk(stub.address, run).await?, wrk(auth, run).await?);
        compared.anchor.push(slow.rate);
        compared.chatty.push(fast.rate);
        let what = (&*format!("{goal} /users/1"), "FastAPI and Redis");
        let bound = Bound::AtLeast(20.0, 30.0);
        let seen = reads::wrk_errors((slow.errors, fast.errors));
        outcomes.push(Outcome::new("prototype", what, "requests/s", &compared, bound, seen));
    }
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    let hits = async || -> Result<f64> {
        run_sql(&database, "SELECT view_count FROM post_counts WHERE post_id = 3").await?.parse().context("a counter")
    };
    for clients in ["50", "100"] {
        let before = hits().await?;
        let url = format!("http://{posts}/posts/3/views");
        let arguments = ["-n", "1000", "-c", clients, "-m", "POST", &url];
        let text = reads::run_to_end(&find_program("ab")?, &arguments).await?;
        let count = |line: &str| {
            // ab writes the line about statuses that are no 2xx only if there were any.
            let found = text.lines().find_map(|found| found.strip_prefix(line)?.trim().split(' ').next()?.parse().ok());
            found.unwrap_or(0.0)
        };
        let (complete, failed) = (count("Complete requests:"), count("Non-2xx responses:"));
        let compared = Compared { anchor: vec![complete], chatty: vec![hits().await? - before] };
        let what = (&*format!("ab -n 1000 -c {clients} on the hit counter"), "requests that were answered");
        let seen = ((failed, complete) == (0.0, 1_000.0), format!("{failed} answers that are no 2xx"));
        outcomes.push(Outcome::new("prototype", what, "hits", &compared, Bound::AtLeast(1.0, 1.0), seen));
    }
    Ok(outcomes)
}
