//! Chaos: people write, parts die, and in the end everything that was acknowledged has to be there, once, everywhere.
//!
//! The stack runs for real, with proxies in front of Postgres and the broker. Each operation and its outcome go into a
//! ledger before the next one starts; afterwards the owners' data is compared with the ledger, and each copy with its
//! owner.
#![expect(clippy::indexing_slicing, reason = "a field that JSON does not have reads as null")]

mod check;
mod client;
mod cluster;
mod embedded;
mod faults;
mod ledger;
mod power;
mod system;
mod trace;
mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
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
use system::System;
use workload::World;

use crate::stack::StackOptions;

const PEOPLE: usize = 6;
const VICTIMS: usize = 2;
/// How many complaints are printed.
const SHOWN: usize = 30;
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

/// What a fault did.
#[derive(Clone, Debug, Default)]
struct Row {
    times: u32,
    operations: u64,
    lost: u32,
    unexpected: u32,
    duplicated: u32,
    green: Duration,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Report {
    seed: u64,
    rows: BTreeMap<String, Row>,
    unknown: usize,
    complaints: Vec<String>,
}

impl Report {
    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.complaints.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || FAULTS.iter().chain(&EMBEDDED_FAULTS);
        let width = all().map(|fault| fault.title.len()).max().unwrap_or_default();
        writeln!(
            f,
            "{:<5} {:<width$} {:>5} {:>10} {:>5} {:>10} {:>10} {:>12}",
            "fault", "", "times", "operations", "lost", "unexpected", "duplicated", "s to green"
        )?;
        let others = [("", "none"), (check::COPIES, "rows that differ from the owner's")];
        let titles = others.into_iter().chain(all().map(|fault| (fault.name, fault.title)));
        for (name, title) in titles {
            let Some(row) = self.rows.get(name) else { continue };
            let Row { times, operations, lost, unexpected, duplicated, green } = row;
            writeln!(
                f,
                "{name:<5} {title:<width$} {times:>5} {operations:>10} {lost:>5} {unexpected:>10} {duplicated:>10} {:>12.1}",
                green.as_secs_f64()
            )?;
        }
        for complaint in self.complaints.iter().take(SHOWN) {
            writeln!(f, "{complaint}")?;
        }
        if let Some(more) = self.complaints.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(f, "and {more} more")?;
        }
        let sum = |part: fn(&Row) -> u64| self.rows.values().map(part).sum::<u64>();
        write!(
            f,
            "seed {}: {} operations, {} with an unknown outcome; lost = {}, unexpected = {}, duplicated = {}",
            self.seed,
            sum(|row| row.operations),
            self.unknown,
            sum(|row| row.lost.into()),
            sum(|row| row.unexpected.into()),
            sum(|row| row.duplicated.into())
        )
    }
}

/// Runs it, and tells each step.
pub async fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Report> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    tell("starting the suite");
    let mut system = System::start(plan).await?;
    let mut faults = plan.faults.clone();
    if !plan.complete
        && let System::Distributed(stack) = &system
        && let Err(reason) = stack.small_disk()
    {
        tell(&format!("without F15: {reason}"));
        faults.retain(|fault| fault.name != "F15");
    }
    let world = Arc::new(populate(&system, plan).await?);
    let mut clients = JoinSet::new();
    for index in 0..PEOPLE {
        clients.spawn(workload::write(Arc::clone(&world), index, plan.seed));
    }
    clients.spawn(workload::moderate(Arc::clone(&world), plan.seed));

    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let started = Instant::now();
    let mut first = true;
    let mut logged_in = Instant::now();
    'run: while (first && plan.complete) || started.elapsed() < plan.duration {
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
            let green = match strike(fault, &mut system, &world, &mut rng, &plan.stack.bin_dir).await {
                Ok(green) => green,
                Err(error) => {
                    let complaint = format!("{}: {error:#}", fault.name);
                    tell(&complaint);
                    world.complain(complaint);
                    break 'run;
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
            let row = rows.entry(fault.name.to_owned()).or_default();
            row.times += 1;
            row.green = row.green.max(green);
        }
        first = false;
    }
    world.stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.context("a client panicked")??;
    }

    tell("waiting until everything is quiet");
    let quiet = system.quiet(&plan.stack.bin_dir).await;
    let entries = ledger::read(&plan.ledger)?;
    let seen = check::observe(&world.api, &world, &entries).await?;
    let mut complaints: Vec<String> = std::mem::take(&mut *world.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    complaints.extend(check::without_mail(&world, &entries).await?);
    let mut wrongs = check::compare(&entries, seen);
    wrongs.extend(check::counters(&world).await?);
    wrongs.extend(system.found());
    if let Err(error) = quiet {
        complaints.push(error.to_string());
        wrongs.extend(check::drift(system.operator(&plan.stack.bin_dir)).await?);
    }
    for entry in &entries {
        rows.entry(entry.fault.clone()).or_default().operations += 1;
    }
    for wrong in wrongs {
        let row = rows.entry(wrong.fault).or_default();
        match wrong.kind {
            Wrong::Lost => row.lost += 1,
            Wrong::Unexpected => row.unexpected += 1,
            Wrong::Duplicated => row.duplicated += 1,
        }
        complaints.push(format!("{:?}: {}", wrong.kind, wrong.text));
    }
    if !complaints.is_empty() {
        let kept = plan.ledger.with_extension("logs");
        system.keep_logs(&kept)?;
        complaints.insert(0, format!("the logs are in {}", kept.display()));
    }
    let unknown = entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).count();
    system.stop()?;
    Ok(Report { seed: plan.seed, rows, unknown, complaints })
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
    let healed = Instant::now();
    loop {
        if system.is_green().await {
            break;
        }
        ensure!(healed.elapsed() < GREEN, "not green after {} s", GREEN.as_secs());
        sleep(Duration::from_millis(100)).await;
    }
    let green = healed.elapsed();
    set("");
    // Ready is what takes writes again.
    let acknowledged = || world.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    acknowledged().clear();
    while acknowledged().len() < WRITERS {
        ensure!(healed.elapsed() < GREEN, "writes are acknowledged by {:?} only", acknowledged());
        sleep(Duration::from_millis(100)).await;
    }
    Ok(green)
}

fn fault_of(world: &World) -> std::sync::MutexGuard<'_, String> {
    world.fault.lock().unwrap_or_else(PoisonError::into_inner)
}
