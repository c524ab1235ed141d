//! Fault injection: clients write, parts of the system fail, and in the end everything that was acknowledged has to be
//! there, once, and in every copy.
//!
//! The suite runs for real, in one of its two forms. Each operation and its outcome go into a ledger before the next
//! one starts; afterwards the owners' data is compared with the ledger, and each copy with its owner. The seed decides
//! the order of faults and what clients do, but not how operations and faults interleave, so two runs with one seed are
//! similar, not equal. `docs/reliability.md` lists the faults and says what a run checks.
#![expect(clippy::indexing_slicing, reason = "a field that JSON does not have reads as null")]

mod check;
mod client;
mod cluster;
mod disk;
mod embedded;
mod faults;
mod ledger;
mod listener;
mod notified;
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

use check::AnomalyKind;
pub use faults::{EMBEDDED_FAULTS, FAULTS, Fault, select};
use ledger::{Ledger, Outcome};
pub use report::Report;
use report::Row;
use system::System;
use workload::World;

use crate::stack::StackOptions;

/// The number of people who write concurrently.
const PEOPLE: usize = 6;
/// The number of people whom the admin blocks and unblocks. They do nothing themselves.
const VICTIMS: usize = 2;
/// The number of services that the workload writes to: all but recommendations, which owns nothing.
const WRITTEN_SERVICES: usize = 4;
/// The limit for a recovery: until all services are ready again, and until each of them acknowledges writes again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(90);
/// The age at which access tokens are replaced. They are valid for 10 min, and are replaced only between two faults, so
/// this leaves room for a long fault.
const SESSION: Duration = Duration::from_secs(240);

/// The form of the suite under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Five services with Postgres and RabbitMQ.
    Distributed,
    /// One process on SQLite files.
    Embedded,
}

/// The length of the time in which faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A number of seconds. The fault that is under way then is still completed.
    Seconds(u64),
    /// Until each chosen fault has been injected once.
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

/// The parameters of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The form of the suite under test.
    pub form: Form,
    /// The seed of all random choices of the workload and of the faults.
    pub seed: u64,
    /// The time in which faults are injected.
    pub duration: Duration,
    /// The faults to choose from.
    pub faults: Vec<Fault>,
    /// If true, each of the faults is injected at least once, even if that takes longer than `duration`.
    pub complete: bool,
    /// The stack's options. The embedded form takes only the folder of the programs from them.
    pub stack: StackOptions,
    /// The file that the ledger is written to. It is overwritten.
    pub ledger: PathBuf,
}

/// Runs a plan: starts the suite, injects faults under load, waits until the suite is at rest, and compares it with the
/// ledger. `tell` gets a line for each step.
///
/// # Errors
/// If the run itself could not be made, for example because a server does not start. A fault that is not survived is no
/// error, but a complaint in the report.
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
        clients.spawn(workload::run_writer(Arc::clone(&world), index, plan.seed));
    }
    clients.spawn(workload::run_moderator(Arc::clone(&world), plan.seed));
    listener::follow_everybody(&world).await?;
    clients.spawn(listener::run_listener(Arc::clone(&world)));
    let mut faults = plan.faults.clone();
    faults.retain(|fault| impossible.iter().all(|(name, _)| fault.name != *name));
    let mut report = Report {
        seed: plan.seed,
        faults: plan.faults.clone(),
        impossible,
        rows: inject_faults(plan, faults, &mut system, &world, &mut tell).await?,
        unknown: 0,
        complaints: Vec::new(),
    };
    // Clients finish the operation that they are at, so that no outcome is missing in the ledger.
    world.stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.context("a client panicked")??;
    }
    tell("waiting until everything is quiet");
    examine(plan, &mut system, &world, &mut report).await?;
    if !report.complaints.is_empty() {
        let folder = plan.ledger.with_extension("logs");
        system.keep_logs(&folder)?;
        // This complaint comes first, because the report prints only the first few.
        report.complaints.insert(0, format!("the logs are in {}", folder.display()));
    }
    system.stop()?;
    Ok(report)
}

/// Injects faults in random order, one after the other, while clients write. Returns a row for each fault. A fault that
/// the suite does not survive ends the injection and leaves a complaint.
async fn inject_faults(
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
        // A round has each fault once; the next round has them in another order.
        faults.shuffle(&mut rng);
        if faults.is_empty() {
            // Without a fault that this machine allows, the run is a plain load of the same length.
            sleep(Duration::from_secs(1)).await;
        }
        if first && let Some(place) = faults.iter().position(|fault| fault.name == "E3") {
            // The suite's first start is traced, and only now the trace begins with an empty folder. A power cut during
            // the creation of the databases can be built from no later trace.
            faults.swap(0, place);
        }
        for &fault in &faults {
            if !(first && plan.complete) && started.elapsed() >= plan.duration {
                break;
            }
            let row = rows.entry(fault.name.to_owned()).or_default();
            row.times += 1;
            let recovery = match inject_and_recover(fault, system, world, &mut rng, &plan.stack.bin_dir).await {
                Ok(recovery) => recovery,
                Err(error) => {
                    let complaint = format!("{}: {error:#}", fault.name);
                    tell(&complaint);
                    world.complain(complaint);
                    row.recovery = None;
                    // Whatever came next would be blamed on the wrong fault.
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
                recovery.as_secs_f64()
            ));
            row.recovery = row.recovery.max(Some(recovery));
        }
        first = false;
    }
    Ok(rows)
}

/// Waits until the suite is at rest, compares its data with the ledger, and adds every difference to the report.
async fn examine(plan: &Plan, system: &mut System, world: &World, report: &mut Report) -> Result<()> {
    // A suite that does not come to rest is a complaint; its data is compared all the same, which tells why.
    let quiet = system.await_quiet(&plan.stack.bin_dir).await;
    let mut entries = ledger::read(&plan.ledger)?;
    // Reused ids are looked for before any entry becomes uncertain: an id is never given out twice, not even after a
    // restore.
    let mut anomalies = check::find_reused_ids(&entries);
    ledger::make_uncertain(&mut entries, &world.rolled_back(), |object| workload::owner_of(object) == "posts");
    let seen = check::observe(&world.api, world, &entries).await?;
    let mut complaints = std::mem::take(&mut *world.complaints.lock().unwrap_or_else(PoisonError::into_inner));
    complaints.extend(system.check_logs()?);
    complaints.extend(check::await_mails(world, &entries).await?);
    anomalies.extend(check::compare(&entries, seen));
    anomalies.extend(check::compare_counters(world).await?);
    anomalies.extend(notified::compare_notifications(world).await?);
    anomalies.extend(listener::compare_told(world).await?);
    anomalies.extend(system.take_anomalies());
    if let Err(error) = quiet {
        complaints.push(error.to_string());
        // In a suite at rest no copy differs, so such rows are looked for only if the suite does not come to rest.
        match check::list_drifted_rows(system.operator(&plan.stack.bin_dir)).await {
            Ok(rows) => anomalies.extend(rows),
            Err(error) => complaints.push(format!("{error:#}")),
        }
    }
    for entry in &entries {
        report.rows.entry(entry.fault.clone()).or_default().operations += 1;
    }
    for anomaly in anomalies {
        let row = report.rows.entry(anomaly.fault).or_default();
        match anomaly.kind {
            AnomalyKind::Lost => row.lost += 1,
            AnomalyKind::Unexpected => row.unexpected += 1,
            AnomalyKind::Duplicated => row.duplicated += 1,
        }
        report.complaints.push(format!("{:?}: {}", anomaly.kind, anomaly.text));
    }
    report.complaints.append(&mut complaints);
    report.unknown = entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).count();
    Ok(())
}

/// Registers the people, and writes a post of each, before the first fault. Waits until every copy has them, so that no
/// service refuses an operation because it has not heard of its target yet.
async fn populate(system: &System, plan: &Plan) -> Result<World> {
    let api = system.api()?;
    let admin = api.log_in("admin", "secret").await?;
    let (mut people, mut victims, mut homes) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let person = api.register_and_log_in(&format!("person{number}")).await?;
        let body = json!({ "title": "home", "content": "home" });
        let post = api.call(Method::POST, "/posts", Some(&person), Some(body)).await;
        homes.push(post.body["post"]["id"].as_i64().context("a post")?);
        people.push(person);
    }
    for number in 0..VICTIMS {
        victims.push(api.register_and_log_in(&format!("victim{number}")).await?);
    }
    let extra = api.register_and_log_in("extra").await?;
    system.await_quiet(&plan.stack.bin_dir).await?;
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
        complaints: Mutex::default(),
        told: Mutex::default(),
    })
}

/// Injects one fault, ends it, and waits for the recovery. Returns the time from the fault's end until all services
/// were ready.
async fn inject_and_recover(
    fault: Fault,
    system: &mut System,
    world: &Arc<World>,
    rng: &mut StdRng,
    bin_dir: &Path,
) -> Result<Duration> {
    let set_current = |name: &str| current_fault(world).replace_range(.., name);
    // The recovery belongs to the fault: entries that are written until its end are counted under its name.
    set_current(fault.name);
    system.inject(fault, world, rng, bin_dir).await?;
    let recovery = await_recovery(async || system.is_ready().await, world, RECOVERY_LIMIT).await?;
    set_current("");
    Ok(recovery)
}

/// Waits until all services are ready, and then until each of them has acknowledged a write since the last time that a
/// write was temporarily refused. The second part is needed because a service that says `ready` has to take writes, and
/// to go on taking them. Returns the time until all services were ready.
///
/// # Errors
/// If services are not ready, or writes are still refused, after `limit`. If no client happens to write to a service,
/// that service has until [`RECOVERY_LIMIT`].
async fn await_recovery(is_ready: impl AsyncFn() -> bool, world: &World, limit: Duration) -> Result<Duration> {
    let fault_ended = Instant::now();
    while !is_ready().await {
        ensure!(fault_ended.elapsed() < limit, "not green after {} s", limit.as_secs());
        sleep(Duration::from_millis(100)).await;
    }
    let recovery = fault_ended.elapsed();
    let acknowledged = || world.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut refused = world.refused.load(Ordering::Relaxed);
    acknowledged().clear();
    while acknowledged().len() < WRITTEN_SERVICES {
        ensure!(fault_ended.elapsed() < RECOVERY_LIMIT, "writes are acknowledged by {:?} only", acknowledged());
        sleep(Duration::from_millis(100)).await;
        let last = world.refused.load(Ordering::Relaxed);
        if last != refused {
            ensure!(fault_ended.elapsed() < limit, "writes are still refused after {} s", limit.as_secs());
            refused = last;
            // One success between two refusals is no recovery, so counting begins anew.
            acknowledged().clear();
        }
    }
    Ok(recovery)
}

fn current_fault(world: &World) -> std::sync::MutexGuard<'_, String> {
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
        let found = check::find_reused_ids(&entries);
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = |anomaly: &check::Anomaly| anomaly.kind == AnomalyKind::Duplicated;
        assert!(found.iter().all(|anomaly| expected(anomaly) && anomaly.text.contains("post/p-2-1")), "{found:?}");
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
