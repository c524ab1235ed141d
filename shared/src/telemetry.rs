//! Logs, metrics and error reports. All of them are global to the process, so only binaries install them.

use std::io::IsTerminal;
use std::time::Duration;

use axum_prometheus::metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use axum_prometheus::utils::{
    SECONDS_DURATION_BUCKETS, requests_duration_name, requests_pending_name, requests_total_name,
};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::Env;

/// Histogram buckets below those of `axum-prometheus`, in seconds. Most reads are answered from memory within 5 ms.
const FAST_BUCKETS: [f64; 3] = [0.0005, 0.001, 0.0025];
/// The pause between two runs of [`run_upkeep`].
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts logging to standard error: as text on a terminal, as JSON elsewhere. `RUST_LOG` filters the log; `default` is
/// the filter if that variable is not set.
pub fn init_logs(env: &Env, default: &str) {
    // lapin logs every closed channel as an error. The code that handles such a channel logs it if it matters.
    let filter = EnvFilter::new(format!("{},lapin=off", env.get("RUST_LOG").unwrap_or(default)));
    let reports = sentry::integrations::tracing::ErrorLayer::new().with_filter(LevelFilter::ERROR);
    let registry = tracing_subscriber::registry().with(filter).with(reports);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // The error means that a subscriber is installed already, as in tests: logs then go there.
    let _already = if std::io::stderr().is_terminal() {
        registry.with(lines).try_init()
    } else {
        registry.with(lines.json()).try_init()
    };
}

/// Starts error reports to Sentry when `SENTRY_DSN` is set; returns `None` otherwise. Keep the guard until the process
/// ends: dropping it sends the reports that still wait. An invalid DSN is refused together with the other settings, so
/// it is ignored here.
pub fn init_sentry(env: &Env) -> Option<sentry::ClientInitGuard> {
    let dsn: sentry::types::Dsn = env.get("SENTRY_DSN")?.parse().ok()?;
    let options = sentry::ClientOptions::new().maybe_release(sentry::release_name!());
    Some(sentry::init((dsn, options)))
}

/// Installs the metrics recorder of the process. Every metric gets the label `service`.
///
/// # Errors
/// When a recorder is installed already.
pub fn init_metrics(service: &'static str) -> Result<PrometheusHandle, BuildError> {
    let buckets = [&FAST_BUCKETS[..], SECONDS_DURATION_BUCKETS].concat();
    let metrics = PrometheusBuilder::new()
        .add_global_label("service", service)
        .set_buckets_for_metric(Matcher::Full(requests_duration_name().to_owned()), &buckets)?
        .install_recorder()?;
    describe_counter!(requests_total_name(), Unit::Count, "The number of requests that were answered.");
    describe_gauge!(requests_pending_name(), Unit::Count, "The number of requests that are being answered now.");
    describe_histogram!(
        requests_duration_name(),
        Unit::Seconds,
        "The time from a request's head to its answer's head."
    );
    Ok(metrics)
}

/// Makes the exporter add up recorded durations every five seconds, until the future is dropped. The exporter keeps
/// every single duration until it adds them up or the metrics are read, so without this task a process whose metrics
/// nobody reads would run out of memory.
pub async fn run_upkeep(metrics: &PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}
