//! The load generator: clients with one connection each, closed loop for capacity, open loop for latencies.

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

/// A request without its connection.
pub(crate) type Call = Request<Full<Bytes>>;

/// What clients ask, and what must come back.
pub(crate) trait Script: Send + Sync + 'static {
    /// The request number `n` of client `client`. The path stands alone; the host is added.
    fn call(&self, client: usize, n: usize) -> Call;

    /// Whether the answer is right.
    fn accepts(&self, status: StatusCode, _body: &Bytes) -> bool {
        status.is_success()
    }
}

/// A GET of one path, by everybody.
pub(crate) struct Get(pub(crate) Vec<(String, Option<String>)>);

impl Script for Get {
    fn call(&self, client: usize, n: usize) -> Call {
        let (path, token) = self.0.get((client * 7_919 + n) % self.0.len().max(1)).cloned().unwrap_or_default();
        request("GET", &path, token.as_deref())
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>) -> Call {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Full::default()).unwrap_or_default()
}

/// A request with a JSON body.
pub(crate) fn post(path: &str, token: Option<&str>, body: &serde_json::Value) -> Call {
    let mut call = request("POST", path, token);
    call.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    *call.body_mut() = Full::from(body.to_string());
    call
}

/// What a load did.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Right answers.
    pub(crate) answers: u64,
    /// Wrong ones, and connections that broke.
    pub(crate) errors: u64,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Microseconds per right answer; in an open loop from the moment when it should have been asked for.
    pub(crate) latencies: Histogram<u64>,
    /// Microseconds per right answer, from the moment when it was asked for.
    pub(crate) served: Histogram<u64>,
    /// Microseconds per wrong answer, from the moment when it was asked for.
    pub(crate) refusals: Histogram<u64>,
}

impl Load {
    fn new() -> Result<Self> {
        // Up to a minute, three digits.
        let histogram = Histogram::new_with_max(60_000_000, 3)?;
        let (latencies, served) = (histogram.clone(), histogram.clone());
        Ok(Self { answers: 0, errors: 0, seconds: 0.0, latencies, served, refusals: histogram })
    }

    /// Right answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// The latency below which this share of the requests stays, in milliseconds.
    pub(crate) fn millis(&self, share: f64) -> f64 {
        self.latencies.value_at_quantile(share) as f64 / 1_000.0
    }

    fn note(&mut self, right: bool, due: Instant, sent: Instant) {
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

/// A connection of one client.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    _connection: JoinSet<()>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // What breaks a connection is seen by the request that it breaks.
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

/// One request on a connection of its own: the body of a good answer.
pub(crate) async fn once(address: SocketAddr, call: Call) -> Result<Vec<u8>> {
    let (status, body) = Client::connect(address).await?.send(call).await?;
    ensure!(status.is_success(), "{address} answers {status}: {}", String::from_utf8_lossy(&body));
    Ok(body.to_vec())
}

/// Each client sends its next request when it has the answer to the last one, for as long as said.
pub(crate) async fn closed(
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
                load.note(right, sent, sent);
                if answer.is_err() {
                    client = Client::connect(address).await?;
                }
                n += 1;
            }
            anyhow::Ok(load)
        });
    }
    join(tasks, start).await
}

/// Each client sends this many requests, one after the other.
pub(crate) async fn count(address: SocketAddr, clients: usize, each: usize, script: Arc<impl Script>) -> Result<Load> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, mut client) in connect_all(address, clients).await?.into_iter().enumerate() {
        let script = Arc::clone(&script);
        tasks.spawn(async move {
            let mut load = Load::new()?;
            for n in 0..each {
                let sent = Instant::now();
                let answer = client.send(script.call(index, n)).await;
                load.note(answer.is_ok_and(|(status, body)| script.accepts(status, &body)), sent, sent);
            }
            anyhow::Ok(load)
        });
    }
    join(tasks, start).await
}

/// What becomes of requests that were not sent when the time of an open loop is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// They are sent all the same: nothing may be missing from the latencies.
    Sent,
    /// They are never sent: the rate is too high on purpose.
    Dropped,
}

/// Requests at a fixed rate, whatever the answers do; the clients take turns.
pub(crate) async fn open(
    address: SocketAddr,
    clients: usize,
    (per_second, length): (f64, Duration),
    late: Late,
    script: Arc<impl Script>,
) -> Result<Load> {
    ensure!(per_second > 0.0, "an open loop needs a rate");
    let all = (length.as_secs_f64() * per_second) as usize;
    let connected = connect_all(address, clients).await?;
    let start = Instant::now() + Duration::from_millis(50);
    let mut tasks = JoinSet::new();
    for (index, mut client) in connected.into_iter().enumerate() {
        let script = Arc::clone(&script);
        tasks.spawn(async move {
            let mut load = Load::new()?;
            for n in (index..all).step_by(clients) {
                let due = start + Duration::from_secs_f64(n as f64 / per_second);
                sleep_until(due).await;
                let sent = Instant::now();
                if late == Late::Dropped && sent >= start + length {
                    break;
                }
                let answer = client.send(script.call(index, n)).await;
                let right = answer.as_ref().is_ok_and(|(status, body)| script.accepts(*status, body));
                load.note(right, due, sent);
                if answer.is_err() {
                    client = Client::connect(address).await?;
                }
            }
            anyhow::Ok(load)
        });
    }
    join(tasks, start).await
}

async fn connect_all(address: SocketAddr, clients: usize) -> Result<Vec<Client>> {
    let mut connected = Vec::with_capacity(clients);
    for _ in 0..clients {
        connected.push(Client::connect(address).await?);
    }
    Ok(connected)
}

async fn join(mut tasks: JoinSet<Result<Load>>, start: Instant) -> Result<Load> {
    let mut all = Load::new()?;
    while let Some(load) = tasks.join_next().await {
        all.add(&load??)?;
    }
    all.seconds = start.elapsed().as_secs_f64();
    Ok(all)
}
