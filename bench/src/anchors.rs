//! The anchors, which are the programs that Chatty is compared with: those in `bench/anchors`, and pgbench with the SQL
//! files of that folder.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::servers::machine;
use testkit::stack::find_repository;
use tokio::process::{Child, Command};

/// Returns the path of the folder `bench/anchors`.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(find_repository()?.join("bench/anchors"))
}

/// The figures of a run of pgbench.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PgBench {
    /// Transactions per second.
    pub(crate) rate: f64,
    /// The mean duration of a transaction in milliseconds.
    pub(crate) millis: f64,
}

/// An SQL file of `bench/anchors`, and the range of its random choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    /// The file's name.
    pub(crate) file: &'static str,
    /// The name of a variable in the file and its value, which is the number of rows that the statement chooses from.
    pub(crate) variable: (&'static str, usize),
}

/// Runs pgbench on an SQL file with this number of clients, each on a connection of its own, for this length of time.
///
/// On a machine that is busy elsewhere, connecting the clients may take all of that time and make pgbench fail. So
/// pgbench gets three tries.
pub(crate) async fn pgbench(database: &str, sql: Sql, clients: usize, length: Duration) -> Result<PgBench> {
    let time = length.as_secs().max(1).to_string();
    for _ in 0..2 {
        if let Ok(seen) = run_pgbench(database, sql, clients, &["--time", &time]).await {
            return Ok(seen);
        }
    }
    run_pgbench(database, sql, clients, &["--time", &time]).await
}

/// Runs one transaction per client. Nearly all of the cost of this run is that of the connections, so the caller can
/// subtract it from the cost of a longer run.
pub(crate) async fn pgbench_once(database: &str, sql: Sql, clients: usize) -> Result<PgBench> {
    run_pgbench(database, sql, clients, &["--transactions", "1"]).await
}

/// Runs pgbench on an SQL file, and reads the figures from its output. `how_long` are the arguments that limit the run.
async fn run_pgbench(database: &str, sql: Sql, clients: usize, how_long: &[&str]) -> Result<PgBench> {
    let output = Command::new(machine::find_postgres()?.join("pgbench"))
        // Statements are prepared, because those of Chatty are, too.
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

/// Runs a program to its end, and returns the one line of JSON that it prints.
pub(crate) async fn read_figure(program: &Path, arguments: &[&str]) -> Result<serde_json::Value> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let problem = || format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), problem());
    serde_json::from_slice(&output.stdout).with_context(problem)
}

/// A running anchor. The process is killed when this is dropped.
pub(crate) struct Anchor(Child);

impl Anchor {
    /// Returns the process id of the anchor.
    pub(crate) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.0.id().context("the anchor has ended")?)?)
    }
}

/// Starts a program that serves at this address, and waits until its port accepts connections, for 10 s at most.
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
