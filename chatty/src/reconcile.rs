//! `chatty reconcile` and `chatty rebuild`: compare copies with their owners, and repair them.
//!
//! Both only read databases and send requests; the services themselves repair their copies.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use shared::clock::Clock;
use shared::config::Env;
use shared::events::broker::Broker;
use shared::events::consumer::AnyConsumer;
use shared::events::reconcile::{self as compare, Drift, Drifted};
use shared::events::resync::{self, AnySource, Request};
use shared::events::topology::{self, ROUTES, Route};

use crate::output::{self, Progress};
use crate::suite::{Operator, Seen};

/// Keys in one request.
pub(crate) const KEYS: usize = 500;
/// How long a copy may lag while it is repaired: people go on writing.
const MOMENT: Duration = Duration::from_secs(2);
/// How long a repair may make no progress.
const PATIENCE: Duration = Duration::from_secs(120);

/// `chatty reconcile`.
#[derive(Args)]
pub(crate) struct Reconcile {
    /// The system is quiet: do not allow copies their 30 s of lag.
    #[arg(long)]
    now: bool,
    /// Repair what differs, and compare again until nothing does. The services must be running.
    #[arg(long)]
    fix: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write what was found to this file too, for the textfile collector of node_exporter.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// `chatty rebuild`.
#[derive(Args)]
pub(crate) struct Rebuild {
    /// The service whose copies are filled again.
    service: String,
}

/// What differs between one copy and its owner.
#[derive(Serialize)]
pub(crate) struct Report {
    service: &'static str,
    stream: &'static str,
    owner: &'static str,
    rows: Vec<Drifted>,
}

impl Reconcile {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        let grace = if self.now { Duration::ZERO } else { compare::GRACE };
        let reports = compare_all(&operator, None, grace).await?;
        print(&reports, self.json)?;
        self.write_metrics(&reports)?;
        let drifted = count(&reports);
        let clean = if drifted > 0 && self.fix {
            let left = fix(&operator, reports, None).await?;
            self.write_metrics(&left)?;
            if !self.json {
                output::line(format_args!("{drifted} rows repaired"))?;
            }
            true
        } else {
            drifted == 0
        };
        operator.close().await;
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Reconcile {
    fn write_metrics(&self, reports: &[Report]) -> anyhow::Result<()> {
        self.metrics.as_deref().map_or(Ok(()), |file| write_metrics(&output::named(file), reports))
    }
}

/// Writes what was found in the text form of Prometheus. The file is replaced at once, never seen half.
fn write_metrics(file: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut text = tempfile::NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
    writeln!(text, "# HELP projection_drift_rows Rows of a copy that differ from their owner.")?;
    writeln!(text, "# TYPE projection_drift_rows gauge")?;
    for Report { service, stream, rows, .. } in reports {
        writeln!(text, "projection_drift_rows{{service=\"{service}\",stream=\"{stream}\"}} {}", rows.len())?;
    }
    writeln!(text, "# HELP projection_compared_timestamp_seconds When the copies were compared with their owners.")?;
    writeln!(text, "# TYPE projection_compared_timestamp_seconds gauge")?;
    writeln!(text, "projection_compared_timestamp_seconds {}", Clock::system().now().unix_seconds())?;
    // The collector is another user.
    text.as_file().set_permissions(Permissions::from_mode(0o644))?;
    text.persist(file).with_context(|| file.display().to_string())?;
    Ok(())
}

impl Rebuild {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        let service = operator.service(&self.service)?.name;
        let mut streams = 0;
        for route in ROUTES.iter().filter(|route| route.consumers.contains(&service)) {
            let queue = topology::queue(service, route.stream);
            send(&operator, route.owner, &Request::Resend { stream: route.stream.to_owned(), queue, ids: None })
                .await?;
            streams += 1;
        }
        let reports = wait(&operator, Some(service), "the copies to be filled").await?;
        fix(&operator, reports, Some(service)).await?;
        operator.close().await;
        output::line(format_args!("{service} agrees with the owners of its {streams} streams"))?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(crate) fn count(reports: &[Report]) -> usize {
    reports.iter().map(|report| report.rows.len()).sum()
}

pub(crate) fn print(reports: &[Report], json: bool) -> anyhow::Result<()> {
    if json {
        return output::line(serde_json::to_string_pretty(reports)?);
    }
    for report in reports {
        for row in &report.rows {
            let version =
                |version: Option<i64>| version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            output::line(format_args!(
                "{}.{} {}: {:?}, copy {}, owner {}",
                report.service,
                report.stream,
                row.key,
                row.drift,
                version(row.copy_version),
                version(row.owner_version)
            ))?;
        }
    }
    let copies = reports.iter().filter(|report| report.service != report.owner).count();
    output::line(format_args!("{copies} copies compared, {} rows differ", count(reports)))
}

/// An owner's stream and one copy of it.
pub(crate) struct Pair<'a> {
    pub(crate) route: &'static Route,
    pub(crate) owner: &'a Seen,
    pub(crate) source: &'a Arc<dyn AnySource>,
    pub(crate) copy: &'a Seen,
    pub(crate) consumer: &'a Arc<dyn AnyConsumer>,
}

/// All copies, or those of one service.
pub(crate) fn pairs<'a>(operator: &'a Operator, only: Option<&str>) -> anyhow::Result<Vec<Pair<'a>>> {
    let mut pairs = Vec::new();
    for route in &ROUTES {
        let owner = operator.service(route.owner)?;
        let source = owner.streams.sources.iter().find(|source| source.stream() == route.stream);
        let source = source.with_context(|| format!("{} does not offer {}", route.owner, route.stream))?;
        for name in route.consumers.iter().filter(|name| only.is_none_or(|only| only == **name)) {
            let copy = operator.service(name)?;
            let consumer = copy.streams.consumers.iter().find(|consumer| consumer.stream() == route.stream);
            let consumer = consumer.with_context(|| format!("{name} does not consume {}", route.stream))?;
            pairs.push(Pair { route, owner, source, copy, consumer });
        }
    }
    Ok(pairs)
}

/// Compares the copies of all services, or of one.
async fn compare_all(operator: &Operator, only: Option<&str>, grace: Duration) -> anyhow::Result<Vec<Report>> {
    let pairs = pairs(operator, only)?;
    let progress = Progress::start("comparing copies with their owners");
    let mut reports = Vec::new();
    // The grace time of all pairs runs at once.
    let results = join_all(pairs.iter().map(|pair| {
        compare::compare(pair.source.as_ref(), &pair.owner.db, pair.consumer.as_ref(), &pair.copy.db, grace)
    }))
    .await;
    drop(progress);
    for (Pair { route, copy, .. }, rows) in pairs.iter().zip(results) {
        let rows = rows.with_context(|| format!("{}.{}", copy.name, route.stream))?;
        reports.push(Report { service: copy.name, stream: route.stream, owner: route.owner, rows });
    }
    if only.is_none() {
        reports.extend(recount_all(operator, grace).await?);
    }
    Ok(reports)
}

/// Compares the numbers that owners keep with what they count.
async fn recount_all(operator: &Operator, grace: Duration) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for Route { stream, owner, .. } in ROUTES {
        let seen = operator.service(owner)?;
        for source in seen.streams.sources.iter().filter(|source| source.stream() == stream && source.counts()) {
            let rows = compare::recount(source.as_ref(), &seen.db, grace).await;
            let rows = rows.with_context(|| format!("the numbers of {owner}.{stream}"))?;
            reports.push(Report { service: owner, stream, owner, rows });
        }
    }
    Ok(reports)
}

/// Lets copies that are behind get the owner's states again, lets the services forget rows that are wrong, and waits
/// until nothing differs.
async fn fix(operator: &Operator, reports: Vec<Report>, only: Option<&str>) -> anyhow::Result<Vec<Report>> {
    for Report { service, stream, owner, rows } in reports {
        let (counts, rows): (Vec<Drifted>, Vec<Drifted>) = rows.into_iter().partition(|row| row.drift == Drift::Counts);
        for rows in counts.chunks(KEYS) {
            let recount = rows.iter().map(|row| row.key.clone()).collect();
            send(operator, owner, &Request::Recount { stream: stream.to_owned(), recount }).await?;
        }
        let (behind, wrong): (Vec<Drifted>, Vec<Drifted>) =
            rows.into_iter().partition(|row| row.drift == Drift::Behind);
        for rows in behind.chunks(KEYS) {
            let ids = Some(rows.iter().map(|row| row.key.clone()).collect());
            let queue = topology::queue(service, stream);
            send(operator, owner, &Request::Resend { stream: stream.to_owned(), queue, ids }).await?;
        }
        for rows in wrong.chunks(KEYS) {
            let forget = rows.iter().map(|row| (row.key.clone(), row.copy_version.unwrap_or(0))).collect();
            send(operator, service, &Request::Forget { stream: stream.to_owned(), forget }).await?;
        }
    }
    let left = wait(operator, only, "the copies to agree").await?;
    if count(&left) > 0 {
        print(&left, false)?;
        bail!("the copies have not come closer for {} s; are the services running?", PATIENCE.as_secs());
    }
    Ok(left)
}

/// Compares until nothing differs, or until fewer and fewer differences have stopped becoming fewer.
pub(crate) async fn wait(operator: &Operator, only: Option<&str>, what: &str) -> anyhow::Result<Vec<Report>> {
    let (mut fewest, mut progressed) = (usize::MAX, Instant::now());
    loop {
        let reports = compare_all(operator, only, MOMENT).await?;
        let differ = count(&reports);
        if differ < fewest {
            (fewest, progressed) = (differ, Instant::now());
        }
        if differ == 0 || progressed.elapsed() > PATIENCE {
            return Ok(reports);
        }
        let _progress = Progress::start(format_args!("waiting for {what}: {differ} rows differ"));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Sends a request to a service: by the broker, or through the service's own outbox in the one-process suite.
async fn send(operator: &Operator, service: &str, request: &Request) -> anyhow::Result<()> {
    match &operator.broker {
        Some(broker) => {
            let message = request.message(service)?;
            for result in broker.publish(std::slice::from_ref(&message)).await {
                result?;
            }
        }
        None => resync::leave(&operator.service(service)?.db, service, request).await?,
    }
    Ok(())
}
