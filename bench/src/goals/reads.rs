//! P1 to P6: reads of one post or one person, from memory and from the database, directly and through nginx.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::servers::machine::{find_program, free_ports};
use testkit::servers::process::{Ending, Probe, Process, Spec};
use tokio::process::Command;

use crate::anchors::{self, Anchor, Sql, pgbench};
use crate::cpu;
use crate::load::{self, Get, Late, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare, median};
use crate::world::{World, run_sql};

/// The number of clients of a closed loop.
const CLIENTS: usize = 64;
/// The post that most goals read.
const POST: &str = "/posts/5";

/// Measures a post from memory, compared with a server that answers the same bytes to every request: requests per
/// second (P1), processor time (P1 cpu), and the p99 of the latency at a fixed rate (P1 p99).
pub(crate) async fn measure_post(world: &World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    let posts = world.address("posts")?;
    let anchor = same_bytes(programs, &fetch(posts, POST).await?).await?;
    let script = Arc::new(Get(vec![(POST.to_owned(), None)]));
    let (anchor_pid, posts_pid) = (anchor.process.pid()?, world.stack.pid("posts")?);
    let errors = RefCell::new(0);
    let cpu = RefCell::new(Compared::default());
    let side = async |address: SocketAddr, pid: i32, length: Duration, into: fn(&mut Compared) -> &mut Vec<f64>| {
        let before = cpu::seconds(&[pid]);
        let load = load::run_closed_loop(address, CLIENTS, length, Arc::clone(&script)).await?;
        let used = cpu::seconds(&[pid]) - before;
        into(&mut cpu.borrow_mut()).push(used * 1e6 / load.answers as f64);
        *errors.borrow_mut() += load.errors;
        anyhow::Ok(load.rate())
    };
    let compared = compare(
        effort,
        async |length| side(anchor.address, anchor_pid, length, |cpu| &mut cpu.anchor).await,
        async |length| side(posts, posts_pid, length, |cpu| &mut cpu.chatty).await,
    )
    .await?;
    let bare = "axum that answers the same bytes";
    let errors = errors.into_inner();
    // Without this condition, a service that fails quickly would win.
    let judged = || (errors == 0, format!("{errors} errors"));
    let mut outcomes = vec![Outcome::new(
        "P1",
        ("a post from memory, 64 clients", bare),
        "requests/s",
        &compared,
        Bound::AtLeast(0.75, 0.92),
        judged(),
    )];
    let mut cpu = cpu.into_inner();
    // The first figure of each side is that of its warm-up.
    cpu.anchor.remove(0);
    cpu.chatty.remove(0);
    let what = ("processor time of such a read", bare);
    outcomes.push(Outcome::new("P1 cpu", what, "µs", &cpu, Bound::AtMost(1.4, 1.09), judged()));

    // A quarter of the capacity, so that the latencies are not those of a queue.
    let rate = median(&compared.chatty) / 4.0;
    let p99 = async |address: SocketAddr, length| {
        anyhow::Ok(
            load::run_open_loop(address, CLIENTS, (rate, length), Late::Sent, Arc::clone(&script)).await?.millis(0.99),
        )
    };
    let latencies =
        compare(effort, async |length| p99(anchor.address, length).await, async |length| p99(posts, length).await)
            .await?;
    let what = (&*format!("p99 at {rate:.0} requests/s, open loop"), bare);
    outcomes.push(Outcome::new("P1 p99", what, "ms", &latencies, Bound::AtMost(1.25, 1.0), judged()));
    Ok(outcomes)
}

/// Measures the read of a post through the gateway, compared with the direct read (P3), and with an nginx that opens a
/// new connection to the service for each request (P3 plain).
pub(crate) async fn measure_gateway(world: &World, effort: Effort) -> Result<Vec<Outcome>> {
    let (posts, gateway) = (world.address("posts")?, world.gateway()?);
    let script = Arc::new(Get(vec![(POST.to_owned(), None)]));
    let sides = |anchor| [(anchor, Arc::clone(&script)), (gateway, Arc::clone(&script))];
    let what = ("a post from memory, through nginx", "the same without nginx");
    let first = compare_servers(effort, "P3", what, Bound::AtLeast(0.55, 0.65), sides(posts)).await?;

    let folder = tempfile::tempdir()?;
    // If root starts nginx, its workers run as another user, who has to be able to enter the folder.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    let [port] = free_ports()?;
    let text = std::fs::read_to_string(anchors::folder()?.join("nginx.conf"))?;
    let text = text.replace("LISTEN", &port.to_string()).replace("SERVICE", &posts.port().to_string());
    std::fs::write(folder.path().join("nginx.conf"), text)?;
    let arguments = ["-p", &folder.path().display().to_string(), "-c", "nginx.conf", "-e", "stderr"];
    // The test kit starts nginx, because it also ends the workers when nginx is dropped.
    let nginx = Spec {
        name: "nginx".to_owned(),
        program: find_program("nginx")?,
        args: arguments.map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
        folder: folder.path().to_owned(),
        log: folder.path().join("log"),
        account: None,
        probe: Probe::Port(port),
        ending: Ending::Term,
        persistent: false,
        deadline: Duration::from_secs(10),
    };
    let _nginx = Process::start(nginx, None).await?;
    let plain: SocketAddr = ([127, 0, 0, 1], port).into();
    let what = ("a post from memory, through nginx", "through nginx with a new connection for each request");
    let second = compare_servers(effort, "P3 plain", what, Bound::AtLeast(2.5, 3.5), sides(plain)).await?;
    Ok(vec![first, second])
}

/// Compares two servers in turns, each with a script of its own in a closed loop. A single error makes the goal missed.
/// The first of the two texts in `what` describes Chatty, the second the anchor.
pub(crate) async fn compare_servers(
    effort: Effort,
    goal: &str,
    what: (&str, &str),
    bound: Bound,
    [anchor, chatty]: [(SocketAddr, Arc<impl Script>); 2],
) -> Result<Outcome> {
    let errors = RefCell::new(0);
    let side = async |(address, script): &(SocketAddr, Arc<_>), length| {
        let load = load::run_closed_loop(*address, CLIENTS, length, Arc::clone(script)).await?;
        *errors.borrow_mut() += load.errors;
        anyhow::Ok(load.rate())
    };
    let compared =
        compare(effort, async |length| side(&anchor, length).await, async |length| side(&chatty, length).await).await?;
    let errors = errors.into_inner();
    Ok(Outcome::new(goal, what, "requests/s", &compared, bound, (errors == 0, format!("{errors} errors"))))
}

/// Measures the read of a post with an access token, compared with the same read without one (P2).
pub(crate) async fn measure_with_token(world: &World, effort: Effort) -> Result<Outcome> {
    let posts = world.address("posts")?;
    let sides = [None, Some(world.token(1_000))].map(|token| (posts, Arc::new(Get(vec![(POST.to_owned(), token)]))));
    let what = ("a post from memory, with a token", "the same without one");
    // Reading a post needs no user, so this is the cost of a token that is merely sent. The feed (P7) and likes (P8)
    // need the user, and are measured there.
    compare_servers(effort, "P2", what, Bound::AtLeast(0.95, 0.98), sides).await
}

/// Measures posts that are not in memory, compared with the same rows read by prepared SQL (P5). Afterwards a thousand
/// clients at once must get no error.
pub(crate) async fn measure_cold(world: &mut World, effort: Effort) -> Result<Outcome> {
    const POSTS: usize = 10_000;
    const SELECT: Sql = Sql { file: "select.sql", variable: ("posts", POSTS) };
    world.stack.restart_with("posts", &[("CACHE_MAX_MIB", "0")]).await?;
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    // All posts, in an order in which no two neighbours come after each other.
    let all = Arc::new(Get((1..=POSTS).map(|id| (format!("/posts/{}", 1 + id * 7_919 % POSTS), None)).collect()));
    let mut errors = 0;
    let compared = compare(
        effort,
        async |length| Ok(pgbench(&database, SELECT, CLIENTS, length).await?.rate),
        async |length| {
            let load = load::run_closed_loop(posts, CLIENTS, length, Arc::clone(&all)).await?;
            errors += load.errors;
            Ok(load.rate())
        },
    )
    .await?;
    errors += load::run_closed_loop(posts, 1_000, effort.length, Arc::clone(&all)).await?.errors;
    world.stack.restart("posts").await?;
    let what = ("posts from the database, nothing in memory", "pgbench, the post's row by its key");
    let seen = (errors == 0, format!("{errors} errors, also with 1 000 clients"));
    Ok(Outcome::new("P5", what, "requests/s", &compared, Bound::AtLeast(0.6, 1.0), seen))
}

/// Counts how often the table is read when 500 clients at once want the same post, which is not in memory (P6).
pub(crate) async fn measure_stampede(world: &mut World) -> Result<Outcome> {
    world.stack.restart("posts").await?;
    let (posts, database) = (world.address("posts")?, world.database_of("posts")?);
    let scans = async || -> Result<f64> {
        // A session of Postgres reports its statistics only after it has been idle for ten seconds.
        tokio::time::sleep(Duration::from_secs(12)).await;
        let scans = "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'posts'";
        run_sql(&database, scans).await?.parse().context("a number of scans")
    };
    let before = scans().await?;
    let load = load::send_each(posts, 500, 4, Arc::new(Get(vec![("/posts/77".to_owned(), None)]))).await?;
    let compared = Compared { anchor: vec![1.0], chatty: vec![scans().await? - before] };
    let what = ("queries for one post that 500 clients want at once", "one query");
    let seen = (load.errors == 0, format!("{} errors", load.errors));
    Ok(Outcome::new("P6", what, "queries", &compared, Bound::AtMost(1.0, 1.0), seen))
}

/// A server like the prototype's cached read: FastAPI with one worker, and Redis.
pub(crate) struct Stub {
    /// The address at which it listens.
    pub(crate) address: SocketAddr,
    /// The process of FastAPI.
    pub(crate) worker: Anchor,
    _redis: Anchor,
}

/// Starts the stub, which answers with the same person as Chatty's `GET /users/1`. The Python packages that it needs
/// are installed into a folder of `tools` first.
pub(crate) async fn stub(world: &World, tools: &Path) -> Result<Stub> {
    let packages = ["fastapi==0.165.0", "uvicorn==0.54.0", "uvloop", "httptools", "redis"];
    let python = python(tools, "fastapi", &packages).await?;
    let [port, redis_port] = free_ports()?;
    let redis_address: SocketAddr = ([127, 0, 0, 1], redis_port).into();
    let arguments = ["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let redis = anchors::start(&find_program("redis-server")?, &arguments, redis_address).await?;
    let body = tools.join("user.json");
    std::fs::write(&body, fetch(world.address("auth")?, "/users/1").await?)?;
    let script = anchors::folder()?.join("fastapi_redis.py");
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    let paths = [script.display().to_string(), port.to_string(), redis_port.to_string(), body.display().to_string()];
    let stub = anchors::start(&python, &paths.each_ref().map(String::as_str), address).await?;
    Ok(Stub { address, worker: stub, _redis: redis })
}

/// Measures `GET /users/1`, which is cached, with wrk, as the prototype was measured: requests per second (P4) and the
/// mean latency (P4 mean).
pub(crate) async fn measure_person(world: &World, effort: Effort, tools: &Path) -> Result<Vec<Outcome>> {
    let (auth, stub) = (world.address("auth")?, stub(world, tools).await?);
    let (latencies, errors) = (RefCell::new(Compared::default()), RefCell::new((0, 0)));
    let as_prototype = |length| Wrk { threads: 2, connections: 100, length };
    let compared = compare(
        effort,
        async |length| {
            let seen = wrk(stub.address, as_prototype(length)).await?;
            latencies.borrow_mut().anchor.push(seen.millis);
            errors.borrow_mut().0 += seen.errors;
            Ok(seen.rate)
        },
        async |length| {
            let seen = wrk(auth, as_prototype(length)).await?;
            latencies.borrow_mut().chatty.push(seen.millis);
            errors.borrow_mut().1 += seen.errors;
            Ok(seen.rate)
        },
    )
    .await?;
    let mut latencies = latencies.into_inner();
    // The first figure of each side is that of its warm-up.
    latencies.anchor.remove(0);
    latencies.chatty.remove(0);
    let stub = "FastAPI and Redis";
    let what = ("GET /users/1, wrk with 100 connections", stub);
    let seen = wrk_errors(errors.into_inner());
    let first = Outcome::new("P4", what, "requests/s", &compared, Bound::AtLeast(20.0, 30.0), seen);
    let what = ("its mean latency", stub);
    let bound = Bound::AtMost(1.0 / 15.0, 1.0 / 30.0);
    Ok(vec![first, Outcome::new("P4 mean", what, "ms", &latencies, bound, (true, String::new()))])
}

/// Takes the numbers of errors of the stub and of Chatty. Returns whether Chatty made none, and both numbers as a note
/// for the table.
pub(crate) fn wrk_errors((stub, chatty): (u64, u64)) -> (bool, String) {
    (chatty == 0, format!("{chatty} errors; the stub {stub}"))
}

/// Returns the path of a Python interpreter that has these packages. It belongs to the virtual environment `name` in
/// the folder `tools`, which is created at its first use.
pub(crate) async fn python(tools: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let python = tools.join(name).join("bin/python");
    if !python.exists() {
        std::fs::create_dir_all(tools)?;
        let venv = tools.join(name).display().to_string();
        run_to_end(&find_program("python3")?, &["-m", "venv", &venv]).await?;
        let mut arguments = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        arguments.extend(packages);
        run_to_end(&python, &arguments).await?;
    }
    Ok(std::path::absolute(python)?)
}

/// Runs a program to its end, and returns its standard output.
///
/// # Errors
/// If the program cannot be started, or its exit code is not 0.
pub(crate) async fn run_to_end(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).kill_on_drop(true).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(
        output.status.success(),
        "{}: {text}{}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(text)
}

/// The parameters of a run of wrk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrk {
    pub(crate) threads: usize,
    pub(crate) connections: usize,
    pub(crate) length: Duration,
}

/// The figures of a run of wrk.
pub(crate) struct WrkSeen {
    /// Requests per second.
    pub(crate) rate: f64,
    /// The mean latency in milliseconds.
    millis: f64,
    /// The number of wrong answers, and of requests that were not answered within wrk's two seconds.
    pub(crate) errors: u64,
}

/// Runs wrk with `GET /users/1` against the server at `address`, and returns the figures that wrk has measured.
pub(crate) async fn wrk(address: SocketAddr, wrk: Wrk) -> Result<WrkSeen> {
    let url = format!("http://{address}/users/1");
    let (threads, connections) = (format!("-t{}", wrk.threads), format!("-c{}", wrk.connections));
    let length = format!("{}s", wrk.length.as_secs().max(1));
    let text = run_to_end(&find_program("wrk")?, &[&threads, &connections, "-d", &length, &url]).await?;
    // wrk writes these two lines only if there were errors.
    let errors =
        text.lines().map(str::trim).filter(|line| line.starts_with("Non-2xx") || line.starts_with("Socket errors"));
    let errors = errors.flat_map(|line| line.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok())).sum();
    let word = |line: &str, index: usize| {
        let line = text.lines().map(str::trim).find(|found| found.starts_with(line));
        line.and_then(|line| line.split_whitespace().nth(index))
            .with_context(|| format!("wrk says no {line:?}: {text}"))
    };
    let mean = word("Latency", 1)?;
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1_000.0)];
    let number = units.iter().find_map(|(unit, factor)| Some(mean.strip_suffix(unit)?.parse::<f64>().ok()? * factor));
    Ok(WrkSeen { rate: word("Requests/sec:", 1)?.parse()?, millis: number.context("a latency")?, errors })
}

/// Sends a GET request, and returns the body of the answer.
async fn fetch(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    load::send_once(address, load::request("GET", path, None)).await
}

/// A running anchor that answers the same bytes to every GET.
pub(crate) struct SameBytes {
    pub(crate) process: Anchor,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// Starts an axum server that answers these bytes to every GET.
pub(crate) async fn same_bytes(programs: &Path, body: &[u8]) -> Result<SameBytes> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    std::fs::write(&file, body)?;
    let [port] = free_ports()?;
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    let arguments = [address.to_string(), file.display().to_string()];
    let arguments = arguments.each_ref().map(String::as_str);
    let process = anchors::start(&programs.join("anchor-axum"), &arguments, address).await?;
    Ok(SameBytes { process, address, _folder: folder })
}
