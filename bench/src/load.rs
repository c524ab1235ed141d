//! The load generator: clients with one connection each, in a closed loop to measure capacity and in an open loop to
//! measure latencies.
//!
//! In a closed loop a slow server slows its clients down, which hides long latencies. In an open loop requests are due
//! at fixed times, and a latency counts from the moment when its request was due.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A request that is not tied to a connection.
pub(crate) type Call = Request<Full<Bytes>>;

/// The requests of a load, and the test for right answers.
pub(crate) trait Script: Send + Sync + 'static {
    /// Returns the request number `n` of client number `client`. The URI is a path; the client adds the host when it
    /// sends the request.
    fn call(&self, client: usize, n: usize) -> Call;

    /// Returns whether an answer is right.
    fn accepts(&self, status: StatusCode, _body: &Bytes) -> bool {
        status.is_success()
    }
}

/// GET requests of these paths, each with its access token if it has one. Clients start at different paths.
pub(crate) struct Get(pub(crate) Vec<(String, Option<String>)>);

impl Script for Get {
    fn call(&self, client: usize, n: usize) -> Call {
        // A prime step spreads the clients over the paths, so that they do not all ask for the same one.
        let (path, token) = self.0.get((client * 7_919 + n) % self.0.len().max(1)).cloned().unwrap_or_default();
        request("GET", &path, token.as_deref())
    }
}

/// Returns a request without a body.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>) -> Call {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::default()).unwrap_or_default()
}

/// Returns a POST request with a JSON body.
pub(crate) fn post(path: &str, token: Option<&str>, body: &serde_json::Value) -> Call {
    let mut call = request("POST", path, token);
    call.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    *call.body_mut() = Full::from(body.to_string());
    call
}

/// The results of a load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// The number of right answers.
    pub(crate) answers: u64,
    /// The number of wrong answers, and of requests whose connection broke.
    pub(crate) errors: u64,
    /// The length of the load in seconds.
    pub(crate) seconds: f64,
    /// The latencies of right answers in microseconds; in an open loop from the moment when the request was due.
    pub(crate) latencies: Histogram<u64>,
    /// The latencies of right answers in microseconds, from the moment when the request was sent.
    pub(crate) served: Histogram<u64>,
    /// The latencies of wrong answers in microseconds, from the moment when the request was sent.
    pub(crate) refusals: Histogram<u64>,
}

impl Load {
    fn new() -> Result<Self> {
        // Up to a minute in microseconds, with three digits of precision.
        let histogram = Histogram::new_with_max(60_000_000, 3)?;
        let (latencies, served) = (histogram.clone(), histogram.clone());
        Ok(Self { answers: 0, errors: 0, seconds: 0.0, latencies, served, refusals: histogram })
    }

    /// Returns the number of right answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// Returns a percentile of the latencies in milliseconds; `share` is 0.99 for the p99.
    pub(crate) fn millis(&self, share: f64) -> f64 {
        self.latencies.value_at_quantile(share) as f64 / 1_000.0
    }

    fn record(&mut self, right: bool, due: Instant, sent: Instant) {
        let micros = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        if right {
            self.answers += 1;
            self.latencies.saturating_record(micros(due));
            self.served.saturating_record(micros(sent));
        } else {
            self.errors += 1;
            self.refusals.saturating_record(micros(sent));
        }
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        self.answers += other.answers;
        self.errors += other.errors;
        self.served.add(&other.served)?;
        self.refusals.add(&other.refusals)?;
        Ok(self.latencies.add(&other.latencies)?)
    }
}

/// A client with one connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    _connection: JoinSet<()>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        // Else the kernel may hold a small request back, which would be measured as latency.
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // An error that breaks the connection is seen by the request under way.
            let _broken = connection.await;
        });
        Ok(Self { sender, host: address.to_string(), _connection: task })
    }

    pub(crate) async fn send(&mut self, mut call: Call) -> Result<(StatusCode, Bytes)> {
        call.headers_mut().insert("host", self.host.parse()?);
        self.sender.ready().await?;
        let response = self.sender.send_request(call).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// Sends one request on a connection of its own, and returns the body of the answer.
///
/// # Errors
/// If the connection or the request fails, or the status of the answer is no success.
pub(crate) async fn send_once(address: SocketAddr, call: Call) -> Result<Vec<u8>> {
    let (status, body) = Client::connect(address).await?.send(call).await?;
    ensure!(status.is_success(), "{address} answers {status}: {}", String::from_utf8_lossy(&body));
    Ok(body.to_vec())
}

/// Runs a closed loop for this length of time: each client sends its next request when it has the answer to its last
/// one.
pub(crate) async fn run_closed_loop(
    address: SocketAddr,
    clients: usize,
    length: Duration,
    script: Arc<impl Script>,
) -> Result<Load> {
    let connected = connect_all(address, clients).await?;
    let start = Instant::now();
    let end = start + length;
    let mut tasks = JoinSet::new();
    for (index, mut client) in connected.into_iter().enumerate() {
        let script = Arc::clone(&script);
        tasks.spawn(async move {
            let mut load = Load::new()?;
            let mut n = 0;
            while Instant::now() < end {
                let sent = Instant::now();
                let answer = client.send(script.call(index, n)).await;
                let right = answer.as_ref().is_ok_and(|(status, body)| script.accepts(*status, body));
                load.record(right, sent, sent);
                // A broken connection counts as an error once, and not for each request that would follow on it.
                if answer.is_err() {
                    client = Client::connect(address).await?;
                }
                n += 1;
            }
            anyhow::Ok(load)
        });
    }
    collect(tasks, start).await
}

/// Sends `each` requests from each client, one after the other, in a closed loop.
pub(crate) async fn send_each(
    address: SocketAddr,
    clients: usize,
    each: usize,
    script: Arc<impl Script>,
) -> Result<Load> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, mut client) in connect_all(address, clients).await?.into_iter().enumerate() {
        let script = Arc::clone(&script);
        tasks.spawn(async move {
            let mut load = Load::new()?;
            for n in 0..each {
                let sent = Instant::now();
                let answer = client.send(script.call(index, n)).await;
                load.record(answer.is_ok_and(|(status, body)| script.accepts(status, &body)), sent, sent);
            }
            anyhow::Ok(load)
        });
    }
    collect(tasks, start).await
}

/// The treatment of requests that were due but are not sent yet when the time of an open loop is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// The requests are sent all the same, so that their latencies are not missing.
    Sent,
    /// The requests are never sent, because the rate is too high on purpose.
    Dropped,
}

/// Runs an open loop: sends `per_second` requests per second for a length of time, also while earlier ones are not
/// answered yet. The clients take turns, and a client that still waits for an answer sends its next request late.
pub(crate) async fn run_open_loop(
    address: SocketAddr,
    clients: usize,
    (per_second, length): (f64, Duration),
    late: Late,
    script: Arc<impl Script>,
) -> Result<Load> {
    ensure!(per_second > 0.0, "an open loop needs a rate");
    let all = (length.as_secs_f64() * per_second) as usize;
    let connected = connect_all(address, clients).await?;
    // The load starts a moment later, so that all tasks run before the first request is due.
    let start = Instant::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for (index, mut client) in connected.into_iter().enumerate() {
        let script = Arc::clone(&script);
        tasks.spawn(async move {
            let mut load = Load::new()?;
            // Request n belongs to the client whose number is n modulo the number of clients, so each client knows its
            // due times without the others.
            for n in (index..all).step_by(clients) {
                let due = start + Duration::from_secs_f64(n as f64 / per_second);
                sleep_until(due).await;
                let sent = Instant::now();
                if late == Late::Dropped && sent >= start + length {
                    break;
                }
                let answer = client.send(script.call(index, n)).await;
                let right = answer.as_ref().is_ok_and(|(status, body)| script.accepts(*status, body));
                load.record(right, due, sent);
                if answer.is_err() {
                    client = Client::connect(address).await?;
                }
            }
            anyhow::Ok(load)
        });
    }
    collect(tasks, start).await
}

/// Connects all clients before the load begins, so that connecting is not measured.
async fn connect_all(address: SocketAddr, clients: usize) -> Result<Vec<Client>> {
    let mut connected = Vec::with_capacity(clients);
    for _ in 0..clients {
        connected.push(Client::connect(address).await?);
    }
    Ok(connected)
}

/// Waits for all clients, and adds up their results.
async fn collect(mut tasks: JoinSet<Result<Load>>, start: Instant) -> Result<Load> {
    let mut all = Load::new()?;
    while let Some(load) = tasks.join_next().await {
        all.add(&load??)?;
    }
    all.seconds = start.elapsed().as_secs_f64();
    Ok(all)
}
