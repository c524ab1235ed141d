//! The comparison after the faults: of the owners' data with the ledger of acknowledged operations, and of every copy
//! with its owner.
//!
//! The data is read through the API, as a client sees it, and copies through `chatty reconcile`, as an operator does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use shared::services::SERVICE_NAMES;
use tokio::process::Command;
use tokio::time::sleep;

use super::client::{Api, PASSWORD};
use super::faults::{output, psql};
use super::ledger::{Entry, Outcome, expectations};
use super::workload::World;
use crate::stack::Stack;

/// The longest time until the suite has to be at rest, and until the mails of registrations have to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// The name under which the report counts rows of copies that differ, since no single fault can be blamed for them.
pub(super) const COPY_ROW: &str = "copy";

/// A difference between what was acknowledged and what is there.
#[derive(Debug)]
pub(super) struct Anomaly {
    pub(super) kind: AnomalyKind,
    /// The fault to blame: the one during which the object was last written. Empty if none is known.
    pub(super) fault: String,
    /// The object and the difference, for the report.
    pub(super) text: String,
}

/// The kinds of anomalies, under the names that Jepsen gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnomalyKind {
    /// A write was acknowledged, and its effect is not there.
    Lost,
    /// An effect is there that nobody asked for, or that was refused.
    Unexpected,
    /// An effect is there more often than it was asked for.
    Duplicated,
}

/// Waits until every copy equals its owner, as `chatty reconcile --now` sees it, and no message is on its way.
/// `find_waiting` names what still waits, or returns an empty text.
///
/// # Errors
/// If the suite is not at rest after 120 s; the error names what still differs or waits.
pub(super) async fn await_quiet(mut chatty: Command, find_waiting: impl AsyncFn() -> Result<String>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let reconcile = chatty.args(["reconcile", "--now"]);
    loop {
        let found = match output(reconcile).await {
            Ok(_) => find_waiting().await?,
            Err(error) => error.to_string(),
        };
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the suite does not come to rest: {found}");
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Returns the rows of copies that differ from those of their owners.
pub(super) async fn list_drifted_rows(mut chatty: Command) -> Result<Vec<Anomaly>> {
    let reconcile = chatty.args(["reconcile", "--now", "--json"]).kill_on_drop(true).output().await?;
    let reports: Vec<Value> = serde_json::from_slice(&reconcile.stdout)
        .with_context(|| format!("reconcile: {}", String::from_utf8_lossy(&reconcile.stderr)))?;
    let rows = reports.iter().flat_map(|report| {
        report["rows"].as_array().into_iter().flatten().map(move |row| {
            // `unknown` is a row that its owner does not have, or not in that version. Any other drift is a loss.
            let kind = if row["drift"] == "unknown" { AnomalyKind::Unexpected } else { AnomalyKind::Lost };
            let (service, stream) = (&report["service"], &report["stream"]);
            Anomaly { kind, fault: COPY_ROW.to_owned(), text: format!("{service} {stream}: {row}") }
        })
    });
    Ok(rows.collect())
}

/// Returns the name of the first outbox that has rows, or of the queues that have messages, in the distributed form.
/// Dead letters lie in queues, too, so they count. An empty text means that nothing waits.
pub(super) async fn find_waiting(stack: &Stack) -> Result<String> {
    for service in SERVICE_NAMES {
        let rows = psql(stack, service, "SELECT count(*) FROM outbox").await?;
        if rows.trim() != "0" {
            return Ok(format!("the outbox of {service} has {} rows", rows.trim()));
        }
    }
    let mut list = Command::new(stack.folder().join("rabbitmqctl"));
    let queues = output(list.args(["-q", "list_queues", "name", "messages"])).await?;
    let full = queues.lines().skip(1).filter(|line| !line.ends_with("\t0") && !is_unrelated(line));
    Ok(full.collect::<Vec<_>>().join("; "))
}

/// Returns whether a line of the list of queues is about an exclusive queue, whose name the broker has chosen. Replicas
/// follow each other through such queues, and no copy depends on them.
fn is_unrelated(line: &str) -> bool {
    line.starts_with("amq.gen")
}

/// Reads the owners' data through the API. Returns the values of each object, under its name in the ledger. An object
/// that the answers contain twice has two values.
pub(super) async fn observe(api: &Api, world: &World, entries: &[Entry]) -> Result<BTreeMap<String, Vec<Value>>> {
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut record = |object: String, value: Value| seen.entry(object).or_default().push(value);
    let homes: Vec<String> = world.homes.iter().map(ToString::to_string).collect();
    for person in &world.people {
        // Posts are found by their title, which is the marker of their client and unique in a run.
        for post in api.list(&format!("/posts?author={}", person.id), "posts", None).await? {
            // The posts that `populate` has written have no entry in the ledger.
            if !world.homes.contains(&post["id"].as_i64().unwrap_or_default()) {
                record(format!("post/{}", post["title"].as_str().unwrap_or_default()), post["content"].clone());
            }
        }
        let liked = api.get(&format!("/likes?post_id={}", homes.join(",")), Some(person)).await?;
        for id in liked["post_ids"].as_array().context("post_ids")? {
            record(format!("like/{}/{id}", person.id), json!(true));
        }
        for followed in api.list(&format!("/users/{}/following", person.id), "users", None).await? {
            record(format!("follow/{}/{}", person.id, followed["id"]), json!(true));
        }
        for muted in api.list("/mutes", "users", Some(person)).await? {
            record(format!("mute/{}/{}", person.id, muted["id"]), json!(true));
        }
        for blocked in api.list("/blocks", "users", Some(person)).await? {
            record(format!("personal_block/{}/{}", person.id, blocked["id"]), json!(true));
        }
        for bookmarked in api.list("/bookmarks", "posts", Some(person)).await? {
            record(format!("bookmark/{}/{}", person.id, bookmarked["id"]), json!(true));
        }
    }
    for home in &world.homes {
        for comment in list_comments(api, *home).await? {
            // The marker is the first word; somebody may be mentioned behind it.
            let marker = comment["content"].as_str().unwrap_or_default().split(' ').next().unwrap_or_default();
            record(format!("comment/{marker}"), json!(true));
        }
        let views = api.get(&format!("/posts/{home}"), None).await?["view_count"].clone();
        record(format!("views/{home}"), views);
    }
    for case in api.list("/admin/reports", "cases", Some(&world.admin)).await? {
        let path = format!("/admin/reports/{}", case["id"]);
        for report in api.list(&path, "reports", Some(&world.admin)).await? {
            record(format!("report/{}/{}", report["reporter"]["id"], case["target"]["id"]), json!(true));
        }
    }
    for account in api.list("/admin/users", "users", Some(&world.admin)).await? {
        if account["status"] == "blocked" {
            record(format!("block/{}", account["id"]), json!(true));
        }
    }
    // Registrations of the workload are never verified. The answer to a login tells whether there is such an account.
    let registered = entries.iter().filter_map(|entry| entry.object.strip_prefix("user/"));
    for name in registered {
        let body = json!({ "username": name, "password": PASSWORD });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let login = api.call(Method::POST, "/auth/login", None, Some(body.clone())).await;
            match login.status {
                // The account exists, and waits for its verification.
                403 => record(format!("user/{name}"), json!(true)),
                // There is no such account.
                401 => {}
                // Hashing a password may be refused for now (503) on a busy machine.
                status => {
                    ensure!(Instant::now() < deadline, "logging in as {name} gets {status}");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            }
            break;
        }
    }
    Ok(seen)
}

/// Lists the comments of a post, without those that are gone and only keep the place of a comment that was answered.
pub(super) async fn list_comments(api: &Api, post: i64) -> Result<Vec<Value>> {
    let mut comments = api.list(&format!("/posts/{post}/comments"), "comments", None).await?;
    comments.retain(|comment| comment["content"].is_string());
    Ok(comments)
}

/// Compares the counters of the lasting posts with the lists that they count (rule R11).
pub(super) async fn compare_counters(world: &World) -> Result<Vec<Anomaly>> {
    let api = &world.api;
    let mut found = Vec::new();
    for home in &world.homes {
        let post = api.get(&format!("/posts/{home}"), None).await?;
        let likes = api.list(&format!("/posts/{home}/likes"), "likes", None).await?.len();
        for (field, listed) in [("like_count", likes), ("comment_count", list_comments(api, *home).await?.len())] {
            let listed = listed as u64;
            let counted = post[field].as_u64().unwrap_or_default();
            if counted != listed {
                let kind = if counted < listed { AnomalyKind::Lost } else { AnomalyKind::Duplicated };
                let text = format!("post {home}: {field} is {counted}, but there are {listed}");
                found.push(Anomaly { kind, fault: String::new(), text });
            }
        }
    }
    Ok(found)
}

/// Waits for the mails of all acknowledged registrations, and returns a complaint for each mail that does not come
/// within 120 s.
pub(super) async fn await_mails(world: &World, entries: &[Entry]) -> Result<Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    let mut missing: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.outcome == Outcome::Ok)
        .filter_map(|entry| entry.object.strip_prefix("user/"))
        .collect();
    loop {
        let mut left = Vec::new();
        for name in missing {
            if world.api.mail_to(name).await?.is_none() {
                left.push(name);
            }
        }
        if left.is_empty() || Instant::now() > deadline {
            return Ok(left.into_iter().map(|name| format!("no mail came for {name}")).collect());
        }
        missing = left;
        sleep(Duration::from_millis(500)).await;
    }
}

/// Finds ids that were acknowledged for two posts, or for two comments (rule R6).
pub(super) fn find_reused_ids(entries: &[Entry]) -> Vec<Anomaly> {
    let mut first: BTreeMap<(&str, i64), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.outcome == Outcome::Ok) {
        let (Some(id), Some((kind, _))) = (entry.id, entry.object.split_once('/')) else { continue };
        // Only another object with the same id is a duplicate.
        let holder = *first.entry((kind, id)).or_insert(&entry.object);
        if holder != entry.object {
            let text = format!("{}: has the id {id}, which {holder} was acknowledged with before", entry.object);
            found.push(Anomaly { kind: AnomalyKind::Duplicated, fault: entry.fault.clone(), text });
        }
    }
    found
}

/// Compares the ledger with the observed values, and returns an anomaly for each object that does not have a value
/// which it may have.
pub(super) fn compare(entries: &[Entry], mut seen: BTreeMap<String, Vec<Value>>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (object, expected) in expectations(entries) {
        let values = seen.remove(&object).unwrap_or_default();
        let mut add = |kind, text: String| {
            found.push(Anomaly { kind, fault: expected.fault.clone(), text: format!("{object}: {text}") });
        };
        if object.starts_with("views/") {
            let count = values.first().and_then(Value::as_u64).unwrap_or_default();
            // An unknown hit may have been counted or not, so the counter has a range.
            let (certain, uncertain) = expected.hits;
            if count < certain {
                add(AnomalyKind::Lost, format!("{count} of {certain} hits"));
            } else if count > certain + uncertain {
                let text = format!("{count} hits, but {certain} and perhaps {uncertain} more were made");
                add(AnomalyKind::Duplicated, text);
            }
            continue;
        }
        if values.len() > 1 {
            add(AnomalyKind::Duplicated, format!("{values:?}"));
        }
        let value = values.into_iter().next().unwrap_or(Value::Null);
        if !expected.allowed.contains(&value) {
            let kind = if expected.acknowledged { AnomalyKind::Lost } else { AnomalyKind::Unexpected };
            add(kind, format!("is {value}, allowed {:?}", expected.allowed));
        }
    }
    // The remaining objects have no entry in the ledger: nobody asked for them.
    for (object, values) in seen.into_iter().filter(|(object, _)| !object.starts_with("views/")) {
        found.push(Anomaly {
            kind: AnomalyKind::Unexpected,
            fault: String::new(),
            text: format!("{object}: {values:?}"),
        });
    }
    found
}
