//! Logs, metrics and error reports. Installed by binaries only.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::Env;

/// Starts logging to standard error: for people on a terminal, as JSON elsewhere. `RUST_LOG` chooses (default `default`).
pub fn init_logs(env: &Env, default: &str) {
    // lapin logs every closed channel as an error; what matters of it is logged where it is handled.
    let filter = EnvFilter::new(format!("{},lapin=off", env.get("RUST_LOG").unwrap_or(default)));
    let reports = sentry::integrations::tracing::ErrorLayer::new().with_filter(LevelFilter::ERROR);
    let registry = tracing_subscriber::registry().with(filter).with(reports);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second subscriber is refused, which only means that somebody else already logs.
    let _already = if std::io::stderr().is_terminal() {
        registry.with(lines).try_init()
    } else {
        registry.with(lines.json()).try_init()
    };
}

/// Starts error reports when `SENTRY_DSN` is set. Keep the guard until the end: dropping it sends what waits. One that is
/// not valid is refused with the other settings.
pub fn init_sentry(env: &Env) -> Option<sentry::ClientInitGuard> {
    let dsn: sentry::types::Dsn = env.get("SENTRY_DSN")?.parse().ok()?;
    let options = sentry::ClientOptions::new().maybe_release(sentry::release_name!());
    Some(sentry::init((dsn, options)))
}

/// Installs the one metrics recorder of the process.
///
/// # Errors
/// When another one is installed already.
pub fn init_metrics(service: &'static str) -> Result<PrometheusHandle, BuildError> {
    let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    PrometheusBuilder::new()
        .add_global_label("service", service)
        .set_buckets_for_metric(Matcher::Suffix("duration_seconds".into()), &seconds)?
        .install_recorder()
}

/// Sums up durations every few seconds, until it is dropped. The exporter keeps each of them until then or until somebody
/// asks for the metrics: where nobody ever asks, requests would fill the memory.
pub async fn keep_small(metrics: &PrometheusHandle) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}
