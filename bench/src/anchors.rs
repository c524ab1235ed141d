//! What Chatty is measured against: programs in `anchors/`, and pgbench.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::servers::machine;
use testkit::stack::find_repository;
use tokio::process::{Child, Command};

/// The folder of the anchors.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(find_repository()?.join("bench/anchors"))
}

/// What pgbench has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgBench {
    /// Transactions per second.
    pub(crate) rate: f64,
    /// Milliseconds that one takes, on average.
    pub(crate) millis: f64,
}

/// A file of `anchors/`, and how many things it chooses from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    /// Its name.
    pub(crate) file: &'static str,
    /// What it chooses from, by its name in the file, and how many there are.
    pub(crate) variable: (&'static str, usize),
}

/// Lets pgbench run a file of `anchors/` with this many clients, one connection each. On a machine that is busy elsewhere
/// connecting them may take all the time that they have, so it is tried again twice.
pub(crate) async fn pgbench(database: &str, sql: Sql, clients: usize, length: Duration) -> Result<PgBench> {
    let time = length.as_secs().max(1).to_string();
    for _ in 0..2 {
        if let Ok(seen) = run_pgbench(database, sql, clients, &["--time", &time]).await {
            return Ok(seen);
        }
    }
    run_pgbench(database, sql, clients, &["--time", &time]).await
}

/// One transaction per client: what it costs to connect them, which is no part of a transaction.
pub(crate) async fn pgbench_once(database: &str, sql: Sql, clients: usize) -> Result<PgBench> {
    run_pgbench(database, sql, clients, &["--transactions", "1"]).await
}

async fn run_pgbench(database: &str, sql: Sql, clients: usize, how_long: &[&str]) -> Result<PgBench> {
    let output = Command::new(machine::find_postgres()?.join("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args(["--client", &clients.to_string()])
        .args(how_long)
        .arg(format!("--define={}={}", sql.variable.0, sql.variable.1))
        .arg("--file")
        .arg(folder()?.join(sql.file))
        .arg(database)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
    let number = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        number.with_context(|| format!("pgbench says no `{start}`: {text}"))
    };
    Ok(PgBench { rate: number("tps = ")?, millis: number("latency average = ")? })
}

/// What a program prints as one line of JSON.
pub(crate) async fn figure(program: &Path, arguments: &[&str]) -> Result<serde_json::Value> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let problem = || format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), problem());
    serde_json::from_slice(&output.stdout).with_context(problem)
}

/// A program that runs beside, until it is dropped.
pub(crate) struct Anchor(Child);

impl Anchor {
    /// Its process number.
    pub(crate) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.0.id().context("the anchor has ended")?)?)
    }
}

/// Starts a program of this package that lies beside this one, and waits until its port answers.
pub(crate) async fn start(program: &Path, arguments: &[&str], address: std::net::SocketAddr) -> Result<Anchor> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().with_context(|| program.display().to_string())?;
    for _ in 0..5_000 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(Anchor(child));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    anyhow::bail!("{} does not listen on {address}", program.display())
}
