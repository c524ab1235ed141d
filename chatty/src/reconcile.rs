//! `chatty reconcile` and `chatty rebuild`, which compare copies with their owners, and have them repaired.
//!
//! The commands change no copy themselves. They read both databases and send requests to the services, and the running
//! services repair their own copies.

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
use shared::events::any_consumer::AnyConsumer;
use shared::events::broker::Broker;
use shared::events::reconcile::{self as compare, Drift, Drifted};
use shared::events::request;
use shared::events::request::Request;
use shared::events::source::AnySource;
use shared::events::topology::{self, ROUTES, Route};

use crate::output::{self, Progress};
use crate::suite::{OpenedService, Operator};

/// The largest number of keys in one request.
pub(crate) const KEYS_PER_REQUEST: usize = 500;
/// The lag that a copy is allowed while it is repaired, because people may go on writing.
const REPAIR_GRACE: Duration = Duration::from_secs(2);
/// The longest time in which a repair may make no progress before it is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The arguments of `chatty reconcile`.
#[derive(Args)]
pub(crate) struct Reconcile {
    /// Compare at once, without the 30 s of lag that copies are allowed. Only right while nobody writes.
    #[arg(long)]
    now: bool,
    /// Repair the rows that differ, and compare until none differs. The services must be running.
    #[arg(long)]
    fix: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Also write the result to this file, for the textfile collector of node_exporter.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// The arguments of `chatty rebuild`.
#[derive(Args)]
pub(crate) struct Rebuild {
    /// The service whose copies are filled again, such as `subscriptions`.
    service: String,
}

/// The differences between one copy and its owner. In a report about an owner's own counters, `service` and `owner` are
/// the same.
#[derive(Serialize)]
pub(crate) struct Report {
    service: &'static str,
    stream: &'static str,
    owner: &'static str,
    rows: Vec<Drifted>,
}

impl Reconcile {
    /// Compares all copies with their owners, prints the rows that differ, and has them repaired if `--fix` is given.
    /// The exit code is 0 if no row differs in the end.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        let grace = if self.now { Duration::ZERO } else { compare::GRACE };
        let reports = compare_all(&operator, None, grace).await?;
        print_reports(&reports, self.json)?;
        // The metrics are written before the repair, which may fail, and again after it.
        self.write_metrics(&reports)?;
        let drifted = count_rows(&reports);
        let clean = if drifted > 0 && self.fix {
            let left = repair(&operator, reports, None).await?;
            self.write_metrics(&left)?;
            if !self.json {
                output::print_line(format_args!("{drifted} rows repaired"))?;
            }
            true
        } else {
            drifted == 0
        };
        operator.close().await;
        Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn write_metrics(&self, reports: &[Report]) -> anyhow::Result<()> {
        self.metrics.as_deref().map_or(Ok(()), |file| write_metrics(&output::resolve_path(file), reports))
    }
}

/// Writes for each copy the number of rows that differ, in the text format of Prometheus. The file is replaced by a
/// rename, so that the collector never reads a part of it.
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
    // The collector runs as another user, and temporary files are private.
    text.as_file().set_permissions(Permissions::from_mode(0o644))?;
    text.persist(file).with_context(|| file.display().to_string())?;
    Ok(())
}

impl Rebuild {
    /// Asks the owners to send all states that the service keeps copies of again, and waits until these copies agree
    /// with their owners.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        let service = operator.service(&self.service)?.name;
        let mut streams = 0;
        for route in ROUTES.iter().filter(|route| route.consumers.contains(&service)) {
            let queue = topology::queue(service, route.stream);
            let request = Request::Resend { stream: route.stream.to_owned(), queue, ids: None };
            send_request(&operator, route.owner, &request).await?;
            streams += 1;
        }
        let reports = wait_until_equal(&operator, Some(service), "the copies to be filled").await?;
        // Resent states repair rows that are missing or behind. Rows that the owner does not know must be forgotten,
        // too.
        repair(&operator, reports, Some(service)).await?;
        operator.close().await;
        output::print_line(format_args!("{service} agrees with the owners of its {streams} streams"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the number of rows that differ, in all reports together.
pub(crate) fn count_rows(reports: &[Report]) -> usize {
    reports.iter().map(|report| report.rows.len()).sum()
}

/// Prints each row that differs, and then the numbers of copies and rows. If `json` is true, prints the reports as JSON
/// instead.
pub(crate) fn print_reports(reports: &[Report], json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_line(serde_json::to_string_pretty(reports)?);
    }
    for report in reports {
        for row in &report.rows {
            let version =
                |version: Option<i64>| version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            output::print_line(format_args!(
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
    // A report about an owner's counters is not about a copy.
    let copies = reports.iter().filter(|report| report.service != report.owner).count();
    output::print_line(format_args!("{copies} copies compared, {} rows differ", count_rows(reports)))
}

/// A stream of an owner, and one copy of it.
pub(crate) struct Pair<'a> {
    pub(crate) route: &'static Route,
    pub(crate) owner: &'a OpenedService,
    pub(crate) source: &'a Arc<dyn AnySource>,
    pub(crate) copy: &'a OpenedService,
    pub(crate) consumer: &'a Arc<dyn AnyConsumer>,
}

/// Lists all copies with their owners, or the copies of the service `only`.
///
/// # Errors
/// When a service does not have a stream that the topology gives it, which is a fault of this program.
pub(crate) fn list_pairs<'a>(operator: &'a Operator, only: Option<&str>) -> anyhow::Result<Vec<Pair<'a>>> {
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

/// Compares all copies with their owners, and all counters with what they count. If `only` names a service, only the
/// copies of that service are compared. A row counts as different only if it still differs after `grace`.
async fn compare_all(operator: &Operator, only: Option<&str>, grace: Duration) -> anyhow::Result<Vec<Report>> {
    let pairs = list_pairs(operator, only)?;
    let progress = Progress::start("comparing copies with their owners");
    let mut reports = Vec::new();
    // All copies are compared at the same time, so that the grace time passes once instead of once per copy.
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
        reports.extend(compare_counters(operator, grace).await?);
    }
    Ok(reports)
}

/// Compares the counters that owners keep with what they count (rule R11).
async fn compare_counters(operator: &Operator, grace: Duration) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for Route { stream, owner, .. } in ROUTES {
        let service = operator.service(owner)?;
        for source in
            service.streams.sources.iter().filter(|source| source.stream() == stream && source.is_recountable())
        {
            let rows = compare::find_miscounted(source.as_ref(), &service.db, grace).await;
            let rows = rows.with_context(|| format!("the counters of {owner}.{stream}"))?;
            reports.push(Report { service: owner, stream, owner, rows });
        }
    }
    Ok(reports)
}

/// Requests the repair of every row in the reports, and waits until no copy differs. Returns the last reports, in
/// which no row differs.
///
/// # Errors
/// When a request cannot be sent, a comparison fails, or the copies stop coming closer to their owners. In the last
/// case the rows that still differ are printed.
async fn repair(operator: &Operator, reports: Vec<Report>, only: Option<&str>) -> anyhow::Result<Vec<Report>> {
    for Report { service, stream, owner, rows } in reports {
        let (counts, rows): (Vec<Drifted>, Vec<Drifted>) = rows.into_iter().partition(|row| row.drift == Drift::Counts);
        for rows in counts.chunks(KEYS_PER_REQUEST) {
            let recount = rows.iter().map(|row| row.key.clone()).collect();
            send_request(operator, owner, &Request::Recount { stream: stream.to_owned(), recount }).await?;
        }
        // A row that is behind needs the owner's state only. Any other row has a version that is not below the owner's,
        // so the state would be ignored as not newer (rule R5): the copy has to forget the row before it asks for the
        // state.
        let (behind, wrong): (Vec<Drifted>, Vec<Drifted>) =
            rows.into_iter().partition(|row| row.drift == Drift::Behind);
        for rows in behind.chunks(KEYS_PER_REQUEST) {
            let ids = Some(rows.iter().map(|row| row.key.clone()).collect());
            let queue = topology::queue(service, stream);
            send_request(operator, owner, &Request::Resend { stream: stream.to_owned(), queue, ids }).await?;
        }
        for rows in wrong.chunks(KEYS_PER_REQUEST) {
            // The version is sent along: a row that has changed meanwhile is not forgotten.
            let forget = rows.iter().map(|row| (row.key.clone(), row.copy_version.unwrap_or(0))).collect();
            send_request(operator, service, &Request::Forget { stream: stream.to_owned(), forget }).await?;
        }
    }
    let left = wait_until_equal(operator, only, "the copies to agree").await?;
    if count_rows(&left) > 0 {
        print_reports(&left, false)?;
        bail!("the copies have not come closer for {} s; are the services running?", PATIENCE.as_secs());
    }
    Ok(left)
}

/// Compares until no row differs, or until the number of rows that differ has not fallen for 120 s. Returns the last
/// reports. `what` completes the sentence "waiting for …", which is displayed meanwhile.
pub(crate) async fn wait_until_equal(
    operator: &Operator,
    only: Option<&str>,
    what: &str,
) -> anyhow::Result<Vec<Report>> {
    let (mut fewest, mut progressed) = (usize::MAX, Instant::now());
    loop {
        let reports = compare_all(operator, only, REPAIR_GRACE).await?;
        let differ = count_rows(&reports);
        if differ < fewest {
            (fewest, progressed) = (differ, Instant::now());
        }
        if differ == 0 || progressed.elapsed() > PATIENCE {
            return Ok(reports);
        }
        // This is displayed during the pause only, because each comparison displays a progress of its own.
        let _progress = Progress::start(format_args!("waiting for {what}: {differ} rows differ"));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Sends a request to a service: through RabbitMQ, or through the service's own outbox in the one-process suite, whose
/// broker cannot be reached from here (docs/adr/0003).
async fn send_request(operator: &Operator, service: &str, request: &Request) -> anyhow::Result<()> {
    match &operator.broker {
        Some(broker) => {
            let message = request.to_message(service)?;
            for result in broker.publish(std::slice::from_ref(&message)).await {
                result?;
            }
        }
        None => request::enqueue(&operator.service(service)?.db, service, request).await?,
    }
    Ok(())
}
