//! The run of a process: it serves one service or all five until a signal, and then shuts down gracefully.
//!
//! This file owns the order of a shutdown: first the server finishes the requests under way, then the tasks end, then
//! the databases close. Each step has a time limit, so that the process ends before a supervisor kills it.

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum_prometheus::metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::health::{self, Health};
use crate::http::{self, App, Copies, Disclosure, Listeners, Pages, Peers};
use crate::service::Service;
use crate::tasks::{Cancel, Tracker};
use crate::telemetry;

/// The limit for all tasks to end, after the last request was answered.
const STOP: Duration = Duration::from_secs(2);
/// The limit for all databases to close, after the tasks.
const CLOSE: Duration = Duration::from_secs(1);

/// The parts of a process: any of the services, the pages, or all of them.
pub struct Parts {
    /// The services in the order of their start.
    pub services: Vec<Service>,
    /// The pages; absent in the process of a service.
    pub pages: Option<Pages>,
    /// The way to the services, which is told of the process's own app.
    pub peers: Peers,
}

/// Serves the parts of a process on `listeners` until SIGTERM or SIGINT, or until a service cannot start or a task fails.
/// `metrics` is the process's recorder; `ready` is called once, when every service has started and may publish.
///
/// Returns the exit code: success after a signal, failure otherwise.
pub async fn run(
    listeners: Listeners,
    Parts { mut services, pages, peers }: Parts,
    metrics: PrometheusHandle,
    ready: impl FnOnce(),
) -> ExitCode {
    let tracker = Tracker::new();
    let (stop, failed) = (Cancel::new(), Cancel::new());
    let openapi = crate::openapi::merge(services.iter().map(|service| service.openapi.clone()));
    let router = services.iter().fold(Router::new(), |router, service| router.merge(service.router.clone()));
    let health: Vec<Health> = services.iter().map(|service| service.health.clone()).collect();
    let probes = App::of_probes(health::probes(health.clone(), Disclosure::Full(Some(metrics.clone()))));
    let disclosure = listeners.disclosure(services.len() > 1, metrics.clone());
    // All services of a process have the same settings.
    let origins = services.first().map(|service| service.cors_origins.clone()).unwrap_or_default();
    let strict = services.iter().map(|service| service.strict_paths).collect();
    let probes_of_port = health::probes(health, disclosure);
    let app = match pages {
        None => App::new(router, openapi, probes_of_port),
        Some(pages) if services.is_empty() => App::of_pages(pages, probes_of_port),
        Some(pages) => App::with_pages(router, openapi, pages, probes_of_port),
    };
    let copies = Copies::of(services.iter().map(|service| (&service.db, &service.streams)));
    let app = app.allow_origins(&origins).wait_for(copies).protect(&listeners.protection, strict);
    peers.set_app(app.clone());
    let server = {
        let (connections, stop) = (tracker.clone(), stop.clone());
        tracker.spawn(async move { http::serve(listeners, app, Some(probes), &connections, &stop).await })
    };
    // The server answers before the services are ready, so that probes get `/livez` and `/readyz` from the first
    // moment.
    let starting = async {
        start_all(&mut services, &tracker, &failed).await;
        for service in &services {
            service.db.outbox().permit().wait_until_granted().await;
        }
        if !failed.is_cancelled() {
            ready();
        }
        // Only one of the other branches ends the run.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = starting => {}
        () = telemetry::run_upkeep(&metrics) => {}
        () = wait_for_signal() => tracing::info!("Stopping: requests under way are finished first."),
        () = failed.cancelled() => {}
    }
    // The tasks still run while the server drains: requests under way wait for shared commits, caches and hashes.
    services.iter().for_each(|service| service.stopping().cancel());
    stop.cancel();
    if server.await.is_err() {
        tracing::error!("The server panicked.");
    }
    stop_all(&services, &tracker).await;
    if failed.is_cancelled() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs services without HTTP until `work` has ended, then stops them. Returns the result of `work`, or `None` when a
/// service could not start or a task failed first; the log has the reason.
pub async fn run_until<T>(mut services: Vec<Service>, work: impl Future<Output = T>) -> Option<T> {
    let (tracker, failed) = (Tracker::new(), Cancel::new());
    start_all(&mut services, &tracker, &failed).await;
    let done = tokio::select! {
        () = failed.cancelled() => None,
        done = work => Some(done),
    };
    stop_all(&services, &tracker).await;
    done
}

/// Prepares and starts the services in their order. Cancels `failed` at the first service that cannot start.
async fn start_all(services: &mut [Service], tracker: &Tracker, failed: &Cancel) {
    for service in services {
        if let Err(reason) = service.prepare().await {
            tracing::error!(service = service.name, "Not started: {reason}.");
            failed.cancel();
            return;
        }
        service.start(tracker, failed);
    }
}

/// Stops all tasks, and then closes the databases.
async fn stop_all(services: &[Service], tracker: &Tracker) {
    for service in services {
        service.stop();
    }
    tracker.close();
    if timeout(STOP, tracker.wait()).await.is_err() {
        tracing::warn!("Some tasks did not end in time.");
    }
    // Closing waits for every connection to come back to its pool, and a task that did not end may still hold one.
    let closing = async {
        for service in services {
            service.db.close().await;
        }
    };
    if timeout(CLOSE, closing).await.is_err() {
        tracing::warn!("Some databases could not be closed in time.");
    }
}

/// Waits for SIGTERM, which supervisors send, or SIGINT, which Ctrl-C sends.
async fn wait_for_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("Signals cannot be heard; stop the process by SIGKILL.");
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}
