//! More than can be done: P23, and the prototype's own runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::servers::machine::find_program;

use super::reads::{self, Wrk, wrk};
use super::writes::{self, Likes};
use crate::load::{self, Get};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort};
use crate::world::{World, sql};

/// Clients of an overload.
const MANY: usize = 1_024;

/// What is done for a thousand clients, beside what is done for as many as suit; then every counter must be right.
pub(crate) async fn many_clients(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    let posts = world.address("posts")?;
    let read = Arc::new(Get(vec![("/posts/5".to_owned(), None)]));
    let mut errors = 0;
    let mut clients = async |clients: usize, length: Duration| {
        let load = load::closed(posts, clients, length, Arc::clone(&read)).await?;
        errors += load.errors;
        anyhow::Ok(load.rate())
    };
    let mut reads = Compared::default();
    for _ in 0..effort.rounds {
        reads.anchor.push(clients(64, effort.length).await?);
        reads.chatty.push(clients(MANY, effort.length).await?);
    }
    let what = ("reads of 1 024 clients", "reads of 64 clients");
    let seen = (errors == 0, format!("{errors} errors"));
    let first = Outcome::new("P23", what, "requests/s", &reads, Bound::AtLeast(0.9, 1.0), seen);

    let likes = Likes::new((0..MANY * 4).map(|n| world.token(3_000_000 + n)).collect());
    let mut errors = 0;
    let mut tails = Vec::new();
    let mut clients = async |clients: usize, length: Duration| {
        let load = load::closed(posts, clients, length, Arc::clone(&likes)).await?;
        errors += load.errors;
        tails.push(format!("{:.0}", load.millis(0.99)));
        writes::drained(world).await?;
        anyhow::Ok(load.rate())
    };
    let mut liked = Compared::default();
    for _ in 0..effort.rounds {
        liked.anchor.push(clients(256, effort.length).await?);
        liked.chatty.push(clients(MANY, effort.length).await?);
    }
    writes::check_counts(world).await?;
    let what = ("likes of 1 024 clients", "likes of 256 clients");
    let seen = (errors == 0, format!("{errors} errors; p99 in ms, in turns: {}", tails.join(" ")));
    Ok(vec![first, Outcome::new("P23 likes", what, "likes/s", &liked, Bound::AtLeast(0.9, 1.0), seen)])
}

/// The prototype's tests as it ran them: wrk on one cached record, ab on the hit counter.
pub(crate) async fn prototype(world: &World, tools: &Path) -> Result<Vec<Outcome>> {
    let auth = world.address("auth")?;
    let stub = reads::stub(world, tools).await?;
    let mut outcomes = Vec::new();
    for (goal, threads, connections, seconds) in
        [("wrk -t10 -c100 -d30s", 10, 100, 30), ("wrk -t5 -c200 -d60s", 5, 200, 60)]
    {
        let run = Wrk { threads, connections, length: Duration::from_secs(seconds) };
        let mut compared = Compared::default();
        compared.anchor.push(wrk(stub.address, run).await?.rate);
        compared.chatty.push(wrk(auth, run).await?.rate);
        let what = (&*format!("{goal} /users/1"), "FastAPI and Redis");
        let bound = Bound::AtLeast(20.0, 30.0);
        outcomes.push(Outcome::new("prototype", what, "requests/s", &compared, bound, (true, String::new())));
    }
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    let hits = async || -> Result<f64> {
        sql(&database, "SELECT view_count FROM post_counts WHERE post_id = 3").await?.parse().context("a counter")
    };
    for clients in ["50", "100"] {
        let before = hits().await?;
        let url = format!("http://{posts}/posts/3/views");
        let arguments = ["-n", "1000", "-c", clients, "-m", "POST", &url];
        let text = reads::run(&find_program("ab")?, &arguments).await?;
        let count = |line: &str| {
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
