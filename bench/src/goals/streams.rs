//! P27: ten thousand open streams of events, and fifty posts a second.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use testkit::servers::machine::free_ports;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::anchors;
use crate::cpu;
use crate::load::{self, Call, Late, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare};
use crate::world::{World, run_sql};

/// The number of streams of each side.
const STREAMS: usize = 10_000;
/// The number of authors. Each reader follows one of them, so a post reaches two hundred streams.
const AUTHORS: usize = 50;
/// The id of the first author.
const FIRST_AUTHOR: usize = 5_000_000;
/// The id of the first reader. Each reader has one stream.
const FIRST_READER: usize = 5_100_000;
/// The number of posts per second.
const POSTS_PER_SECOND: f64 = 50.0;
/// The number of loopback addresses from which streams are opened, because a process serves a bounded number to each.
const SOURCES: usize = 8;
/// The text of each post.
const CONTENT: &str = "All work and no play makes Jack a dull boy. ";

/// The delays of the events that streams have received, in microseconds since the post was due to be sent.
struct Delays {
    base: Instant,
    seen: Mutex<Histogram<u64>>,
    received: AtomicU64,
}

impl Delays {
    fn new() -> Result<Arc<Self>> {
        let seen = Mutex::new(Histogram::new_with_max(60_000_000, 3)?);
        Ok(Arc::new(Self { base: Instant::now(), seen, received: AtomicU64::new(0) }))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Records the events in a piece of a stream. A post's title is the time at which it was sent. Pieces are small, so an
    /// event is rarely cut in two; one that is does not count.
    fn record(&self, piece: &[u8]) {
        let text = String::from_utf8_lossy(piece);
        let now = self.now();
        for title in text.split("\"title\":\"at ").skip(1) {
            let Some(sent) = title.split('"').next().and_then(|sent| sent.parse::<u64>().ok()) else { continue };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.saturating_record(now.saturating_sub(sent));
            self.received.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the p99 in milliseconds and the number of events since the last call.
    fn take(&self) -> (f64, u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let p99 = seen.value_at_quantile(0.99) as f64 / 1_000.0;
        seen.reset();
        (p99, self.received.swap(0, Ordering::Relaxed))
    }
}

/// Posts by all authors in turn, to Chatty or to the topics of the anchor.
struct Posts {
    delays: Arc<Delays>,
    /// The tokens of the authors; none for the anchor.
    tokens: Vec<String>,
}

impl Script for Posts {
    fn call(&self, _client: usize, n: usize) -> Call {
        let title = format!("at {}", self.delays.now());
        let content = CONTENT.repeat(8);
        match self.tokens.get(n % AUTHORS) {
            Some(token) => load::post("/posts", Some(token), &json!({ "title": title, "content": content })),
            // As long as what Chatty sends.
            None => {
                let body = json!({
                    "id": 1_000_000, "title": title, "content": content, "image_url": null, "entities": [],
                    "author": { "id": FIRST_AUTHOR, "username": "user5000000" }, "like_count": 0, "comment_count": 0,
                    "view_count": 0, "created_at": "2026-01-01T00:00:00.000000Z",
                    "updated_at": "2026-01-01T00:00:00.000000Z"
                });
                load::post(&format!("/topics/{}", n % AUTHORS), None, &body)
            }
        }
    }
}

/// One side of the comparison.
struct Side<P> {
    /// The address at which streams are opened, and the process that holds them.
    streams: (SocketAddr, i32),
    /// The path and the token of each stream.
    path: P,
    /// The address to which posts are sent.
    posts: SocketAddr,
    script: Arc<Posts>,
    /// The memory of a stream in bytes, when they were opened for the first time.
    bytes: Option<f64>,
    errors: u64,
    /// The largest share of events that a round has missed.
    missing: f64,
}

impl<P: Fn(usize) -> (String, Option<String>)> Side<P> {
    fn new(streams: (SocketAddr, i32), posts: SocketAddr, tokens: Vec<String>, path: P) -> Result<Self> {
        let script = Arc::new(Posts { delays: Delays::new()?, tokens });
        Ok(Self { streams, path, posts, script, bytes: None, errors: 0, missing: 0.0 })
    }

    /// Opens all streams, sends posts, and returns the p99 of the delays in milliseconds. The streams are closed at the
    /// end: this process may not have twice as many files.
    async fn measure(&mut self, length: Duration) -> Result<f64> {
        let (address, pid) = self.streams;
        let before = cpu::memory(&[pid]);
        let mut open = JoinSet::new();
        open_all(&mut open, address, &self.script.delays, &self.path).await?;
        sleep(Duration::from_secs(1)).await;
        let grown = cpu::memory(&[pid]).saturating_sub(before);
        self.bytes.get_or_insert(grown as f64 / STREAMS as f64);
        self.script.delays.take();
        let load =
            load::run_open_loop(self.posts, 16, (POSTS_PER_SECOND, length), Late::Sent, Arc::clone(&self.script))
                .await?;
        // The last events are still on their way.
        sleep(Duration::from_millis(500)).await;
        let (p99, received) = self.script.delays.take();
        let expected = load.answers * (STREAMS / AUTHORS) as u64;
        self.missing = self.missing.max(1.0 - received as f64 / expected as f64);
        self.errors += load.errors;
        open.shutdown().await;
        sleep(Duration::from_secs(1)).await;
        Ok(p99)
    }
}

/// Measures the memory of an open stream (P27 memory) and the delay from a post's request to its event (P27 p99),
/// compared with a server that only hands on what it is given.
pub(crate) async fn measure_streams(world: &World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    seed(world).await?;
    let [port] = free_ports()?;
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    let topics = AUTHORS.to_string();
    let process = anchors::start(&programs.join("anchor-sse"), &[&address.to_string(), &topics], address).await?;
    let path = |n: usize| (format!("/topics/{}/stream", n % AUTHORS), None);
    let mut anchor = Side::new((address, process.pid()?), address, Vec::new(), path)?;
    let streams = (world.address("subscriptions")?, world.stack.pid("subscriptions")?);
    let tokens = (0..AUTHORS).map(|n| world.token(FIRST_AUTHOR + n)).collect();
    let path = |n: usize| ("/stream".to_owned(), Some(world.token(FIRST_READER + n)));
    let mut chatty = Side::new(streams, world.address("posts")?, tokens, path)?;

    let compared =
        compare(effort, async |length| anchor.measure(length).await, async |length| chatty.measure(length).await)
            .await?;
    let bytes = |side: Option<f64>| vec![side.unwrap_or(f64::NAN)];
    let memory = Compared { anchor: bytes(anchor.bytes), chatty: bytes(chatty.bytes) };
    let (errors, missing) = (anchor.errors + chatty.errors, anchor.missing.max(chatty.missing));
    let seen = || (errors == 0 && missing < 0.01, format!("{errors} errors, at most {:.2} % unseen", missing * 100.0));
    let bare = "bare axum SSE, same bytes";
    let what = format!("own memory (PSS) of one of {STREAMS} open streams");
    let first = Outcome::new("P27 memory", (&what, bare), "bytes", &memory, Bound::AtMost(2.0, 1.5), seen());
    let what = "a post is sent to posts, then an event of subscriptions: p99, 50 posts a second to 200 streams each";
    Ok(vec![first, Outcome::new("P27 p99", (what, bare), "ms", &compared, Bound::AtMost(2.0, 1.5), seen())])
}

/// Stores authors and readers directly in the database of subscriptions, because they have to be there before the first
/// post.
async fn seed(world: &World) -> Result<()> {
    let people = format!(
        "INSERT INTO users (id, version, deleted, username, created_at, verified, blocked, session_version) \
         SELECT {FIRST_AUTHOR} + n, 1, false, 'user' || ({FIRST_AUTHOR} + n), now(), true, false, 0 \
         FROM generate_series(0, {AUTHORS} - 1) AS n ON CONFLICT DO NOTHING;
         INSERT INTO subscriptions (follower_id, followee_id, active, version, created_at) \
         SELECT {FIRST_READER} + n, {FIRST_AUTHOR} + n % {AUTHORS}, true, 1, now() \
         FROM generate_series(0, {STREAMS} - 1) AS n ON CONFLICT DO NOTHING;"
    );
    run_sql(&world.database_of("subscriptions")?, &people).await.map(|_| ())
}

/// Opens all streams and keeps reading them until the tasks are dropped.
async fn open_all(
    open: &mut JoinSet<()>,
    address: SocketAddr,
    delays: &Arc<Delays>,
    path: &impl Fn(usize) -> (String, Option<String>),
) -> Result<()> {
    for n in 0..STREAMS {
        let mut stream = connect(address, n).await?;
        let (path, token) = path(n);
        let bearer = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{bearer}\r\n").as_bytes()).await?;
        let mut buffer = vec![0; 4_096];
        let read = stream.read(&mut buffer).await?;
        ensure!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(buffer.get(..read).unwrap_or_default())
        );
        let delays = Arc::clone(delays);
        open.spawn(async move {
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                delays.record(buffer.get(..read).unwrap_or_default());
            }
        });
    }
    Ok(())
}

/// Connects from one of several addresses of this machine.
async fn connect(address: SocketAddr, n: usize) -> Result<TcpStream> {
    let last = u8::try_from(2 + n % SOURCES).unwrap_or(2);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
    socket.connect(address).await.with_context(|| format!("stream {n} to {address}"))
}
