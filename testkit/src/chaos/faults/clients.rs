//! Faults of clients: they send slowly (F22), hang up in the middle of a write (F22b), or send bad bodies (F23). All
//! other clients have to be served meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt};
use rand::RngExt;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use super::Scene;
use crate::chaos::ledger::{self, Entry, Outcome};
use crate::chaos::workload::World;
use crate::servers::proxy::Condition;

/// The longest time until the connection of a client that makes no progress has to be closed. The servers allow 10 s
/// for the headers, and 15 s for a whole request.
const CLOSE_LIMIT: Duration = Duration::from_secs(20);
/// The limit for the resident memory of a service, in KiB.
const MEMORY_LIMIT: u64 = 400 * 1024;

fn address(url: &str) -> Result<SocketAddr> {
    let addresses = Url::parse(url)?.socket_addrs(|| None)?;
    addresses.into_iter().next().context("an address")
}

/// Opens 500 connections, half of them to the gateway and half to a service, each of which sends one byte a second of a
/// head or of a body (F22).
///
/// # Errors
/// If fewer than half are accepted, or if one is not closed within 20 s.
pub(super) async fn trickle(scene: &mut Scene<'_>) -> Result<()> {
    let addresses = scene.stack.addresses();
    let gateway = address(&addresses.gateway_url)?;
    let posts = address(&addresses.services.get("posts").context("posts")?.url)?;
    let mut clients = JoinSet::new();
    for number in 0..500 {
        let to = if number % 2 == 0 { gateway } else { posts };
        clients.spawn(drip(to, number % 4 < 2));
    }
    let (mut connected, mut still_open) = (0, 0);
    while let Some(closed) = clients.join_next().await {
        let closed = closed?;
        connected += u32::from(closed.is_some());
        still_open += u32::from(closed == Some(false));
    }
    // A server may limit its connections, but the test needs enough of them to mean something.
    ensure!(connected >= 250, "only {connected} of 500 slow clients were let in");
    ensure!(still_open == 0, "{still_open} of 500 slow clients were not closed within {} s", CLOSE_LIMIT.as_secs());
    Ok(())
}

/// Sends a byte a second until the server closes the connection. Returns whether the server did so within
/// [`CLOSE_LIMIT`], or None if it did not accept the connection at all.
async fn drip(to: SocketAddr, in_body: bool) -> Option<bool> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
    if in_body && stream.write_all(head.as_bytes()).await.is_err() {
        return Some(true);
    }
    let started = Instant::now();
    let mut answer = [0; 1024];
    while started.elapsed() < CLOSE_LIMIT {
        // A space before JSON, or one more letter of a method that never ends: both are valid so far.
        let byte = if in_body { b" " } else { b"G" };
        if stream.write_all(byte).await.is_err() {
            return Some(true);
        }
        match timeout(Duration::from_secs(1), stream.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return Some(true),
            // An answer such as 408; the server closes after it.
            Ok(Ok(_)) => {}
            // The second is over.
            Err(_elapsed) => {}
        }
    }
    Some(false)
}

/// Sends writes from 300 clients, half of them through the gateway and half directly to services, while Postgres is
/// slow (F22b). Each client hangs up 0 to 80 ms after it has begun its request, which may be at any moment of a
/// transaction. A connection with an open transaction must not go back to its pool. If one does, the log of Postgres
/// tells.
pub(super) async fn hang_up(scene: &mut Scene<'_>) -> Result<()> {
    const CLIENTS: usize = 300;
    const AT_ONCE: usize = 30;
    let world = scene.world;
    let addresses = scene.stack.addresses();
    let mut calls = Vec::new();
    for number in 0..CLIENTS {
        let home = world.homes.get(number % world.homes.len()).context("a post")?;
        let person = world.people.get(number % world.people.len()).context("a person")?.id;
        let text = format!("cut-off-{}-{number}", ledger::now());
        let (service, path, comment) = match number % 3 {
            0 => ("posts", "/posts".to_owned(), None),
            1 => ("subscriptions", format!("/subscribe/{person}"), None),
            _ => ("posts", format!("/posts/{home}/comments"), Some(format!("comment/{text}"))),
        };
        let service = &addresses.services.get(service).context("a service")?.url;
        let url = format!("{}{path}", if number % 2 == 0 { &addresses.gateway_url } else { service });
        let pause = Duration::from_micros(scene.rng.random_range(0..80_000));
        let body = json!({ "title": text, "content": text });
        calls.push(write_and_hang_up(world, url, body, comment, pause));
    }
    // Slow packets stretch every transaction, so that more clients hang up in the middle of one.
    scene.stack.proxy("postgres")?.set(Condition::Slow(Duration::from_millis(5)));
    let cut_off = futures_util::stream::iter(calls).buffer_unordered(AT_ONCE).try_collect::<()>().await;
    scene.stack.proxy("postgres")?.set(Condition::Normal);
    cut_off
}

/// Sends a write and drops the connection after a pause. Only a comment is an object of the ledger, with an unknown
/// outcome; the other writes belong to a person whom the comparison ignores.
async fn write_and_hang_up(
    world: &World,
    url: String,
    body: Value,
    comment: Option<String>,
    pause: Duration,
) -> Result<()> {
    let sent = ledger::now();
    // With a pool the client would keep the connection, and the server would not see it close.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
    let body = if comment.is_some() { json!({ "content": body["content"] }) } else { body };
    timeout(pause, client.post(url).bearer_auth(world.extra.token()).json(&body).send()).await.ok();
    let Some(object) = comment else { return Ok(()) };
    let (fault, value, outcome, answered) = (world.fault(), json!(true), Outcome::Unknown, ledger::now());
    world.ledger.write(&Entry { fault, object, value, outcome, id: None, sent, answered })
}

/// Sends bodies that no honest client sends: large, deep, wide, with bad lengths, without end (F23).
///
/// # Errors
/// If one of them does not get the 4xx that it deserves, or if a service has more than 400 MiB in memory afterwards.
pub(super) async fn send_bad_bodies(scene: &mut Scene<'_>) -> Result<()> {
    let gateway = scene.stack.addresses().gateway_url.clone();
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(25)).build()?;
    let many: Vec<String> = (0..100_000).map(|number| format!("\"f{number}\":1")).collect();
    let bodies = [
        ("10 MiB", format!("{{\"username\":\"{}\"}}", "x".repeat(10 * 1024 * 1024)), 413),
        ("10 000 levels", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), 422),
        ("100 000 fields", format!("{{{}}}", many.join(",")), 413),
    ];
    for (name, body, status) in bodies {
        let sent = client.post(format!("{gateway}/auth/login")).header("content-type", "application/json").body(body);
        let answer = sent.send().await.with_context(|| format!("a body of {name} is not answered"))?;
        ensure!(answer.status() == status, "a body of {name} gets {}", answer.status());
    }
    // An HTTP library refuses to send these, and the gateway would refuse them first. So they go to a service as bytes.
    let services = &scene.stack.addresses().services;
    let auth = address(&services.get("auth").context("auth")?.url)?;
    for (name, head, status) in [
        ("that is shorter than none", "Content-Length: -1\r\n\r\n", " 400 "),
        ("of two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", " 400 "),
        ("without end", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", " 408 "),
    ] {
        let mut stream = TcpStream::connect(auth).await?;
        let head = format!("POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        let closed = timeout(CLOSE_LIMIT, stream.read_to_end(&mut answer)).await;
        ensure!(closed.is_ok(), "a connection with a body {name} stays open");
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        ensure!(line.contains(status), "a body {name} gets `{line}`");
    }
    // After this pause the memory of the refused bodies has been freed.
    sleep(Duration::from_millis(500)).await;
    for service in ["auth", "posts"] {
        let memory = resident(scene.stack.pid(service)?)?;
        ensure!(memory < MEMORY_LIMIT, "{service} has {memory} KiB in memory");
    }
    Ok(())
}

/// Returns the resident memory of a process in KiB, from `/proc`.
pub(super) fn resident(pid: i32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    line.trim().trim_end_matches(" kB").trim().parse().context("a number of KiB")
}
