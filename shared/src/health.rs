//! The health of services, and the routes that report it: `/livez`, `/readyz` and `/metrics`.
//!
//! A service's tasks write their progress into its [`Health`]; an orchestrator, a load balancer and the operator read
//! it over HTTP. This file stands above `http`, `events`, `auth` and `db`, because a health report asks all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_prometheus::metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};

use crate::auth::Keys;
use crate::events::broker::Broker;
use crate::events::progress::{ConsumerProgress, StreamProgress};
use crate::http::{Disclosure, Probes};
use crate::work::Db;

/// The path that answers 200 as long as the process runs.
const LIVEZ: &str = "/livez";
/// The path that answers 200 when all services of the process can serve, else 503.
const READYZ: &str = "/readyz";
/// The path that answers the metrics in the text format of Prometheus.
const METRICS: &str = "/metrics";
/// The beginning of the path of auth's public keys. The other services need these keys before they are ready
/// themselves.
const WELL_KNOWN: &str = "/.well-known/";

/// The health of one service. Clones share it.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    db: Db,
    broker: Arc<dyn Broker>,
    keys: Keys,
    /// True while the schema is up to date.
    prepared: Arc<AtomicBool>,
    /// True while the schema is gone although it was there once.
    dropped: Arc<AtomicBool>,
    /// True once the copies in memory are filled.
    loaded: Arc<AtomicBool>,
    progress: Arc<OnceLock<ConsumerProgress>>,
    detail: Arc<OnceLock<(&'static str, Detail)>>,
}

/// Reads a value that a service adds to its details. The function must not wait.
type Detail = Box<dyn Fn() -> Value + Send + Sync>;

/// The result of one health check.
struct Report {
    /// True if requests can be served: the database answers and the public keys are known.
    can_serve: bool,
    /// True if nothing else is wrong either: broker, memory and writes.
    is_well: bool,
    /// Each part of the service with its state, as `/readyz` reports it.
    parts: Map<String, Value>,
}

impl Health {
    /// Creates the health of a service that has just started: nothing is prepared or loaded.
    pub fn new(service: &'static str, db: Db, broker: Arc<dyn Broker>, keys: Keys) -> Self {
        let (prepared, dropped, loaded, progress, detail) = Default::default();
        Self { service, db, broker, keys, prepared, dropped, loaded, progress, detail }
    }

    /// Records that the schema is up to date. Requests are served from now on.
    pub fn set_prepared(&self) {
        self.prepared.store(true, Ordering::Relaxed);
    }

    /// Records whether the schema still exists. Requests are refused while it does not.
    pub(crate) fn set_schema(&self, exists: bool) {
        self.dropped.store(!exists, Ordering::Relaxed);
        self.prepared.store(exists, Ordering::Relaxed);
    }

    /// Records that the copies in memory are filled.
    pub fn set_loaded(&self) {
        self.loaded.store(true, Ordering::Relaxed);
    }

    /// Adds the progress of the service's consumers to the details. Only the first call has an effect.
    pub(crate) fn set_progress(&self, progress: ConsumerProgress) {
        // A service is started once, so the error of a second call cannot occur.
        let _again = self.progress.set(progress);
    }

    /// Adds a value of the service, which `read` returns, to the details under `name`. Only the first call has an
    /// effect.
    pub(crate) fn set_detail(&self, name: &'static str, read: impl Fn() -> Value + Send + Sync + 'static) {
        // A service adds one value at most, so the error of a second call cannot occur.
        let _again = self.detail.set((name, Box::new(read)));
    }

    /// Returns the details of `/readyz?verbose`: outbox, dead letters, consumed streams, and the service's own value.
    /// They are read from memory, where the tasks leave their last measurements, so asking often costs the database
    /// nothing.
    fn details(&self) -> Map<String, Value> {
        let (now, (rows, oldest)) = (self.db.clock().now(), self.db.outbox().last_backlog());
        let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        let streams = self.progress.get().map(ConsumerProgress::streams).unwrap_or_default();
        let dead_letters: u64 = streams.values().map(|stream| stream.dead_letters).sum();
        let stream = |stream: &StreamProgress| {
            json!({
                "connected": stream.connected, "lag_seconds": stream.lag(now).as_secs_f64(),
                "last_applied": stream.applied_at, "dead_letters": stream.dead_letters
            })
        };
        let streams: Map<String, Value> =
            streams.iter().map(|(name, consumed)| ((*name).to_owned(), stream(consumed))).collect();
        let mut details = Map::new();
        details.insert("outbox".to_owned(), json!({ "rows": rows, "oldest_seconds": age }));
        details.insert("dead_letters".to_owned(), json!(dead_letters));
        details.insert("streams".to_owned(), Value::Object(streams));
        if let Some((name, read)) = self.detail.get() {
            details.insert((*name).to_owned(), read());
        }
        details
    }

    /// Checks the service now. Asks the database and the broker.
    async fn check(&self) -> Report {
        let database = self.prepared.load(Ordering::Relaxed) && self.db.ping().await.is_ok();
        let keys = self.keys.is_loaded().await;
        let broker = self.broker.is_up().await;
        let memory = self.loaded.load(Ordering::Relaxed);
        let trouble = self.db.write_health().trouble();
        let word = |up: bool| if up { "up" } else { "down" };
        let (stopped, unchecked) = (self.db.outbox().permit().check().err(), self.db.outbox().permit().unchecked());
        let writes = trouble.as_ref().map(ToString::to_string).or(stopped.map(|stopped| stopped.to_string()));
        let mut parts = Map::new();
        for (part, state) in [
            ("database", word(database)),
            ("writes", writes.as_deref().unwrap_or("up")),
            ("keys", word(keys)),
            ("broker", word(broker)),
            ("memory", word(memory)),
        ] {
            parts.insert(part.to_owned(), json!(state));
        }
        if self.dropped.load(Ordering::Relaxed) {
            parts.insert("schema".to_owned(), json!("missing"));
        }
        if !unchecked.is_empty() {
            parts.insert("unchecked".to_owned(), json!(unchecked));
        }
        Report { can_serve: database && keys, is_well: broker && memory && writes.is_none(), parts }
    }
}

/// Builds the probes of a process with these services: the routes, and the function that tells which requests can be
/// served already.
pub fn probes(services: Vec<Health>, disclosure: Disclosure) -> Probes {
    let services: Arc<[Health]> = services.into();
    let is_verbose_allowed = matches!(disclosure, Disclosure::Full(_));
    let state = Probed { services: Arc::clone(&services), is_verbose_allowed };
    let mut router = Router::new().route(LIVEZ, get(|| async { "ok" })).route(READYZ, get(readyz).with_state(state));
    if let Disclosure::Full(metrics) = disclosure {
        let render = move || std::future::ready(metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default());
        router = router.route(METRICS, get(render));
    }
    Probes { router, can_serve: Arc::new(move |path| are_prepared(&services) || needs_no_schema(path)) }
}

/// Returns whether the schemas of all services are up to date.
fn are_prepared(services: &[Health]) -> bool {
    services.iter().all(|health| health.prepared.load(Ordering::Relaxed))
}

/// Returns whether a path is served before the schemas are up to date: the probes, which report just that, and the
/// public keys, which the other services wait for during their own start.
fn needs_no_schema(path: &str) -> bool {
    [LIVEZ, READYZ, METRICS].contains(&path) || path.starts_with(WELL_KNOWN)
}

/// The services that `/readyz` reports.
#[derive(Clone)]
struct Probed {
    services: Arc<[Health]>,
    is_verbose_allowed: bool,
}

/// Checks all services. `?verbose` adds their details, where the port discloses them.
async fn readyz(State(probed): State<Probed>, RawQuery(query): RawQuery) -> Response {
    let asks_verbose = |query: String| query.split('&').any(|part| part.split('=').next() == Some("verbose"));
    let is_verbose = probed.is_verbose_allowed && query.is_some_and(asks_verbose);
    let (mut can_serve, mut is_well, mut services) = (true, true, Map::new());
    for health in probed.services.iter() {
        let mut report = health.check().await;
        if is_verbose {
            report.parts.extend(health.details());
        }
        can_serve &= report.can_serve;
        is_well &= report.is_well;
        services.insert(health.service.to_owned(), Value::Object(report.parts));
    }
    let (status, word) = match (can_serve, is_well) {
        (true, true) => (StatusCode::OK, "ready"),
        (true, false) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "down"),
    };
    (status, Json(json!({ "status": word, "services": services }))).into_response()
}
