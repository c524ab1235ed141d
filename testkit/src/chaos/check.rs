//! After the faults: what the owners have, compared with what was acknowledged; and every copy with its owner.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use super::client::{Api, PASSWORD};
use super::faults::{output, psql};
use super::ledger::{Entry, Outcome, expectations};
use super::workload::World;
use crate::stack::{SERVICES, Stack};

/// How long the suite may take to be quiet.
const PATIENCE: Duration = Duration::from_secs(120);

/// What stands in the table for rows of copies, which no fault can be blamed for.
pub(super) const COPIES: &str = "copy";

/// What went wrong with one object.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Wrong,
    pub(super) fault: String,
    pub(super) text: String,
}

/// Jepsen's names for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Acknowledged, and not there.
    Lost,
    /// There, and never asked for, or refused.
    Unexpected,
    /// There more often than it was asked for.
    Duplicated,
}

/// Waits until every copy equals its owner, as the operator's program sees it, and nothing waits.
pub(super) async fn quiet(mut chatty: Command, waiting: impl AsyncFn() -> Result<String>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    let reconcile = chatty.args(["reconcile", "--now"]);
    loop {
        let found = match output(reconcile).await {
            Ok(_) => waiting().await?,
            Err(error) => error.to_string(),
        };
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("the suite does not come to rest: {found}");
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// The rows of copies that differ from their owners'.
pub(super) async fn drift(mut chatty: Command) -> Result<Vec<Fault>> {
    let reconcile = chatty.args(["reconcile", "--now", "--json"]).kill_on_drop(true).output().await?;
    let reports: Vec<Value> = serde_json::from_slice(&reconcile.stdout)
        .with_context(|| format!("reconcile: {}", String::from_utf8_lossy(&reconcile.stderr)))?;
    let rows = reports.iter().flat_map(|report| {
        report["rows"].as_array().into_iter().flatten().map(move |row| {
            let kind = if row["drift"] == "unknown" { Wrong::Unexpected } else { Wrong::Lost };
            let (service, stream) = (&report["service"], &report["stream"]);
            Fault { kind, fault: COPIES.to_owned(), text: format!("{service} {stream}: {row}") }
        })
    });
    Ok(rows.collect())
}

/// What is still on its way, or was put aside.
pub(super) async fn waiting(stack: &Stack) -> Result<String> {
    for service in SERVICES {
        let rows = psql(stack, service, "SELECT count(*) FROM outbox").await?;
        if rows.trim() != "0" {
            return Ok(format!("the outbox of {service} has {} rows", rows.trim()));
        }
    }
    let mut list = Command::new(stack.folder().join("rabbitmqctl"));
    let queues = output(list.args(["-q", "list_queues", "name", "messages"])).await?;
    let full = queues.lines().skip(1).filter(|line| !line.ends_with("\t0") && !is_alien(line));
    Ok(full.collect::<Vec<_>>().join("; "))
}

/// A queue of one connection alone, which has nothing to do with events.
fn is_alien(line: &str) -> bool {
    line.starts_with("amq.gen")
}

/// What the owners have now.
pub(super) async fn observe(api: &Api, world: &World, entries: &[Entry]) -> Result<BTreeMap<String, Vec<Value>>> {
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut see = |object: String, value: Value| seen.entry(object).or_default().push(value);
    let homes: Vec<String> = world.homes.iter().map(ToString::to_string).collect();
    for person in &world.people {
        for post in api.list(&format!("/posts?author={}", person.id), "posts", None).await? {
            if !world.homes.contains(&post["id"].as_i64().unwrap_or_default()) {
                see(format!("post/{}", post["title"].as_str().unwrap_or_default()), post["content"].clone());
            }
        }
        let liked = api.get(&format!("/likes?post_id={}", homes.join(",")), Some(person)).await?;
        for id in liked["post_ids"].as_array().context("post_ids")? {
            see(format!("like/{}/{id}", person.id), json!(true));
        }
        for followed in api.list(&format!("/users/{}/following", person.id), "users", None).await? {
            see(format!("follow/{}/{}", person.id, followed["id"]), json!(true));
        }
    }
    for home in &world.homes {
        for comment in api.list(&format!("/posts/{home}/comments"), "comments", None).await? {
            see(format!("comment/{}", comment["content"].as_str().unwrap_or_default()), json!(true));
        }
        let views = api.get(&format!("/posts/{home}"), None).await?["view_count"].clone();
        see(format!("views/{home}"), views);
    }
    for account in api.list("/admin/users", "users", Some(&world.admin)).await? {
        if account["status"] == "blocked" {
            see(format!("block/{}", account["id"]), json!(true));
        }
    }
    let registered = entries.iter().filter_map(|entry| entry.object.strip_prefix("user/"));
    for name in registered {
        let body = json!({ "username": name, "password": PASSWORD });
        let end = Instant::now() + PATIENCE;
        loop {
            let login = api.call(Method::POST, "/auth/login", None, Some(body.clone())).await;
            match login.status {
                // The account is there, and waits for its verification.
                403 => see(format!("user/{name}"), json!(true)),
                401 => {}
                status => {
                    ensure!(Instant::now() < end, "logging in as {name} gets {status}");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            }
            break;
        }
    }
    Ok(seen)
}

/// Compares the counters of posts with what they count.
pub(super) async fn counters(world: &World) -> Result<Vec<Fault>> {
    let api = &world.api;
    let mut found = Vec::new();
    for home in &world.homes {
        let post = api.get(&format!("/posts/{home}"), None).await?;
        for (field, list) in [("like_count", "likes"), ("comment_count", "comments")] {
            let listed = api.list(&format!("/posts/{home}/{list}"), list, None).await?.len() as u64;
            let counted = post[field].as_u64().unwrap_or_default();
            if counted != listed {
                let kind = if counted < listed { Wrong::Lost } else { Wrong::Duplicated };
                let text = format!("post {home}: {field} is {counted}, but there are {listed}");
                found.push(Fault { kind, fault: String::new(), text });
            }
        }
    }
    Ok(found)
}

/// Waits for the mails to everybody whose registration was acknowledged, and answers who got none.
pub(super) async fn without_mail(world: &World, entries: &[Entry]) -> Result<Vec<String>> {
    let end = Instant::now() + PATIENCE;
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
        if left.is_empty() || Instant::now() > end {
            return Ok(left.into_iter().map(|name| format!("no mail came for {name}")).collect());
        }
        missing = left;
        sleep(Duration::from_millis(500)).await;
    }
}

/// The ids that were given to two posts, or to two comments.
pub(super) fn ids_given_twice(entries: &[Entry]) -> Vec<Fault> {
    let mut first: BTreeMap<(&str, i64), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.outcome == Outcome::Ok) {
        let (Some(id), Some((kind, _))) = (entry.id, entry.object.split_once('/')) else { continue };
        let holder = *first.entry((kind, id)).or_insert(&entry.object);
        if holder != entry.object {
            let text = format!("{}: has the id {id}, which {holder} was acknowledged with before", entry.object);
            found.push(Fault { kind: Wrong::Duplicated, fault: entry.fault.clone(), text });
        }
    }
    found
}

/// Compares the two.
pub(super) fn compare(entries: &[Entry], mut seen: BTreeMap<String, Vec<Value>>) -> Vec<Fault> {
    let mut found = Vec::new();
    for (object, expected) in expectations(entries) {
        let values = seen.remove(&object).unwrap_or_default();
        let mut add = |kind, text: String| {
            found.push(Fault { kind, fault: expected.fault.clone(), text: format!("{object}: {text}") });
        };
        if object.starts_with("views/") {
            let count = values.first().and_then(Value::as_u64).unwrap_or_default();
            let (sure, unsure) = expected.hits;
            if count < sure {
                add(Wrong::Lost, format!("{count} of {sure} hits"));
            } else if count > sure + unsure {
                add(Wrong::Duplicated, format!("{count} hits, but {sure} and perhaps {unsure} more were made"));
            }
            continue;
        }
        if values.len() > 1 {
            add(Wrong::Duplicated, format!("{values:?}"));
        }
        let value = values.into_iter().next().unwrap_or(Value::Null);
        if !expected.allowed.contains(&value) {
            let kind = if expected.acknowledged { Wrong::Lost } else { Wrong::Unexpected };
            add(kind, format!("is {value}, allowed {:?}", expected.allowed));
        }
    }
    for (object, values) in seen.into_iter().filter(|(object, _)| !object.starts_with("views/")) {
        found.push(Fault { kind: Wrong::Unexpected, fault: String::new(), text: format!("{object}: {values:?}") });
    }
    found
}
