//! Chaos: people write, parts die, and in the end everything that was acknowledged has to be there, once, everywhere.
//!
//! The stack runs for real, with proxies in front of Postgres and the broker. Each operation and its outcome go into a
//! ledger before the next one starts; afterwards the owners' data is compared with the ledger, and each copy with its
//! owner.
#![expect(clippy::indexing_slicing, reason = "a field that JSON does not have reads as null")]

mod check;
mod client;
mod cluster;
mod disk;
mod embedded;
mod faults;
mod ledger;
mod power;
mod probes;
mod report;
mod system;
mod trace;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use check::Wrong;
pub use faults::{EMBEDDED_FAULTS, FAULTS, Fault, select};
use ledger::{Ledger, Outcome};
pub use report::Report;
use report::Row;
use system::System;
use workload::World;

use crate::stack::StackOptions;

const PEOPLE: usize = 6;
const VICTIMS: usize = 2;
/// How many services people write to.
const WRITERS: usize = 4;
/// How long the suite may take to be ready again.
const GREEN: Duration = Duration::from_secs(90);
/// How long people use an access token, which is valid for 10 min.
const SESSION: Duration = Duration::from_secs(240);

/// Which form of the suite is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Five services, Postgres and RabbitMQ.
    Distributed,
    /// One process on SQLite files.
    Embedded,
}

/// How long faults are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many seconds.
    Seconds(u64),
    /// Until each fault has had its turn.
    All,
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text.parse().map(Self::Seconds).map_err(|_not| "a number of seconds, or `all`".to_owned()),
        }
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is tried.
    pub form: Form,
    /// Decides what people do, and which fault comes when.
    pub seed: u64,
    /// How long faults are made.
    pub duration: Duration,
    /// Which faults.
    pub faults: Vec<Fault>,
    /// Whether each of them happens at least once, however long that takes.
    pub complete: bool,
    /// Where the programs are.
    pub stack: StackOptions,
    /// Where the ledger is written.
    pub ledger: PathBuf,
}

/// Runs it, and tells each step.
pub async fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    tell("starting the suite");
    let mut system = System::start(plan).await?;
    let mut impossible = system.impossible().await;
    impossible.retain(|(name, _)| plan.faults.iter().any(|fault| fault.name == *name));
    for (name, reason) in &impossible {
        tell(&format!("without {name}: {reason}"));
    }
    let world = Arc::new(populate(&system, plan).await?);
    let mut clients = JoinSet::new();
    for index in 0..PEOPLE {
        clients.spawn(workload::write(Arc::clone(&world), index, plan.seed));
    }
    clients.spawn(workload::moderate(Arc::clone(&world), plan.seed));
    let mut faults = plan.faults.clone();
    faults.retain(|fault| impossible.iter().all(|(name, _)| fault.name != *name));
    let mut report = Report {
        seed: plan.seed,
        faults: plan.faults.clone(),
        impossible,
        rows: make_faults(plan, faults, &mut system, &world, &mut tell).await?,
        unknown: 0,
        complaints: Vec::new(),
    };
    world.stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.context("a client panicked")??;
    }
    tell("waiting until everything is quiet");
    examine(plan, &mut system, &world, &mut report).await?;
    if !report.complaints.is_empty() {
        let kept = plan.ledger.with_extension("logs");
        system.keep_logs(&kept)?;
        report.complaints.insert(0, format!("the logs are in {}", kept.display()));
    }
    system.stop()?;
    Ok(report)
}

/// Makes faults, one after the other, while people write.
async fn make_faults(
    plan: &Plan,
    mut faults: Vec<Fault>,
    system: &mut System,
    world: &Arc<World>,
    tell: &mut impl FnMut(&str),
) -> Result<BTreeMap<String, Row>> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let started = Instant::now();
    let mut first = true;
    let mut logged_in = Instant::now();
    while (first && plan.complete) || started.elapsed() < plan.duration {
        faults.retain(|fault| first || fault.name != cluster::ONCE);
        faults.shuffle(&mut rng);
        if faults.is_empty() {
            sleep(Duration::from_secs(1)).await;
        }
        if first && let Some(place) = faults.iter().position(|fault| fault.name == "E3") {
            // The first start is traced: what a power cut leaves of a fresh folder is seen only now.
            faults.swap(0, place);
        }
        for &fault in &faults {
            if !(first && plan.complete) && started.elapsed() >= plan.duration {
                break;
            }
            let row = rows.entry(fault.name.to_owned()).or_default();
            row.times += 1;
            let green = match strike(fault, system, world, &mut rng, &plan.stack.bin_dir).await {
                Ok(green) => green,
                Err(error) => {
                    let complaint = format!("{}: {error:#}", fault.name);
                    tell(&complaint);
                    world.complain(complaint);
                    row.green = None;
                    return Ok(rows);
                }
            };
            if logged_in.elapsed() > SESSION {
                world.log_in_again().await?;
                logged_in = Instant::now();
            }
            tell(&format!(
                "{:>4} s  {:<5} {}, green after {:.1} s",
                started.elapsed().as_secs(),
                fault.name,
                fault.title,
                green.as_secs_f64()
            ));
            row.green = row.green.max(Some(green));
        }
        first = false;
    }
    Ok(rows)
}

/// Waits until the suite is at rest, and compares what is there with what was acknowledged.
async fn examine(plan: &Plan, system: &mut System, world: &World, report: &mut Report) -> Result<()> {
    let quiet = system.quiet(&plan.stack.bin_dir).await;
    let mut entries = ledger::read(&plan.ledger)?;
    let mut wrongs = check::ids_given_twice(&entries);
    ledger::make_uncertain(&mut entries, &world.rolled_back(), |object| workload::writer_of(object) == "posts");
    let seen = check::observe(&world.api, world, &entries).await?;
    let mut complaints = std::mem::take(&mut *world.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    complaints.extend(system.complaints()?);
    complaints.extend(check::without_mail(world, &entries).await?);
    wrongs.extend(check::compare(&entries, seen));
    wrongs.extend(check::counters(world).await?);
    wrongs.extend(system.found());
    if let Err(error) = quiet {
        complaints.push(error.to_string());
        match check::drift(system.operator(&plan.stack.bin_dir)).await {
            Ok(rows) => wrongs.extend(rows),
            Err(error) => complaints.push(format!("{error:#}")),
        }
    }
    for entry in &entries {
        report.rows.entry(entry.fault.clone()).or_default().operations += 1;
    }
    for wrong in wrongs {
        let row = report.rows.entry(wrong.fault).or_default();
        match wrong.kind {
            Wrong::Lost => row.lost += 1,
            Wrong::Unexpected => row.unexpected += 1,
            Wrong::Duplicated => row.duplicated += 1,
        }
        report.complaints.push(format!("{:?}: {}", wrong.kind, wrong.text));
    }
    report.complaints.append(&mut complaints);
    report.unknown = entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).count();
    Ok(())
}

/// Lets people, an admin and a post of each of them be there before the first fault, and waits until all know them.
async fn populate(system: &System, plan: &Plan) -> Result<World> {
    let api = system.api()?;
    let admin = api.log_in("admin", "secret").await?;
    let (mut people, mut victims, mut homes) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let person = api.join(&format!("person{number}")).await?;
        let body = json!({ "title": "home", "content": "home" });
        let post = api.call(Method::POST, "/posts", Some(&person), Some(body)).await;
        homes.push(post.body["post"]["id"].as_i64().context("a post")?);
        people.push(person);
    }
    for number in 0..VICTIMS {
        victims.push(api.join(&format!("victim{number}")).await?);
    }
    let extra = api.join("extra").await?;
    system.quiet(&plan.stack.bin_dir).await?;
    Ok(World {
        api,
        ledger: Ledger::create(&plan.ledger)?,
        people,
        admin,
        victims,
        homes,
        extra,
        fault: Mutex::default(),
        skewed: AtomicBool::new(false),
        bad_disk: AtomicBool::new(false),
        refused: AtomicU64::new(0),
        rolled_back: Mutex::default(),
        stop: AtomicBool::new(false),
        acknowledged: Mutex::default(),
        wrong: Mutex::default(),
    })
}

/// One fault while people write, and a moment of peace after it. Answers how long it took until all was green again.
async fn strike(
    fault: Fault,
    system: &mut System,
    world: &Arc<World>,
    rng: &mut StdRng,
    bin_dir: &Path,
) -> Result<Duration> {
    let set = |name: &str| fault_of(world).replace_range(.., name);
    set(fault.name);
    system.strike(fault, world, rng, bin_dir).await?;
    let green = settle(async || system.is_green().await, world, GREEN).await?;
    set("");
    Ok(green)
}

/// Waits until all is green, and then until every service has acknowledged a write since anybody was refused for now: ready
/// is what takes writes again, and goes on taking them. Neither may take longer than the limit, but for a service to which
/// nobody writes meanwhile. Answers how long it took until all was green.
async fn settle(is_green: impl AsyncFn() -> bool, world: &World, limit: Duration) -> Result<Duration> {
    let healed = Instant::now();
    while !is_green().await {
        ensure!(healed.elapsed() < limit, "not green after {} s", limit.as_secs());
        sleep(Duration::from_millis(100)).await;
    }
    let green = healed.elapsed();
    let acknowledged = || world.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut refused = world.refused.load(Ordering::Relaxed);
    acknowledged().clear();
    while acknowledged().len() < WRITERS {
        ensure!(healed.elapsed() < GREEN, "writes are acknowledged by {:?} only", acknowledged());
        sleep(Duration::from_millis(100)).await;
        let last = world.refused.load(Ordering::Relaxed);
        if last != refused {
            ensure!(healed.elapsed() < limit, "writes are still refused after {} s", limit.as_secs());
            refused = last;
            acknowledged().clear();
        }
    }
    Ok(green)
}

fn fault_of(world: &World) -> std::sync::MutexGuard<'_, String> {
    world.fault.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::ledger::Entry;

    #[test]
    fn a_run_lasts_some_seconds_or_until_each_fault_had_its_turn() {
        assert_eq!("60".parse(), Ok(Length::Seconds(60)));
        assert_eq!("all".parse(), Ok(Length::All));
        for wrong in ["", "ALL", "-1", "1.5", "all faults"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
        }
    }

    fn acknowledged(object: &str, id: i64, at: u64) -> Entry {
        let value = json!(true);
        let (fault, object, outcome) = ("E4".to_owned(), object.to_owned(), Outcome::Ok);
        Entry { fault, object, value, outcome, id: Some(id), sent: at, answered: at + 10 }
    }

    #[test]
    fn an_id_that_was_acknowledged_for_two_posts_is_a_duplicate() {
        let entries = [
            acknowledged("post/p-1-1", 7, 0),
            acknowledged("comment/k-1-2", 7, 20),
            acknowledged("post/p-1-1", 7, 40),
            acknowledged("post/p-2-1", 7, 60),
        ];
        let found = check::ids_given_twice(&entries);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|wrong| wrong.kind == Wrong::Duplicated && wrong.text.contains("post/p-2-1")));
    }

    #[test]
    fn what_was_acknowledged_in_a_span_that_was_rolled_back_is_uncertain() {
        let mut entries = [
            ("post/before", 0),
            ("post/across", 95),
            ("post/within", 120),
            ("follow/within", 120),
            ("post/after", 200),
        ]
        .map(|(object, at)| acknowledged(object, 1, at));
        ledger::make_uncertain(&mut entries, &[(100, 200)], |object| object.starts_with("post/"));
        let uncertain = entries.iter().filter(|entry| entry.outcome == Outcome::Unknown);
        assert_eq!(uncertain.map(|entry| entry.object.as_str()).collect::<Vec<_>>(), ["post/across", "post/within"]);
    }
}
