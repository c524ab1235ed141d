//! Puts a service's routes together with health, metrics, the API reference, and what every request passes.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::FutureExt;
use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use tower::util::MapRequestLayer;
use tracing::Instrument;
use utoipa::openapi::OpenApi;

use super::request_id::{self, Current, Noted};
use super::rules::Wishes;
use super::{compressed, docs, rules};
use crate::auth::Keys;
use crate::db::Db;
use crate::error::ApiError;
use crate::events::broker::Broker;
use crate::events::measured::{Consumed, Measured};

/// From the first byte of a body to the last byte of the answer's head.
const REQUEST: Duration = Duration::from_secs(15);
/// The methods that any path may take.
const METHODS: &str = "GET,HEAD,POST,PATCH,DELETE,OPTIONS";
/// How many combinations of method, route and status are looked up quickly; there are fewer.
const SERIES: usize = 2_000;

/// The state of one service, for `/readyz`.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    db: Db,
    broker: Arc<dyn Broker>,
    keys: Keys,
    prepared: Arc<AtomicBool>,
    /// True while the schema is gone, though it was there.
    dropped: Arc<AtomicBool>,
    loaded: Arc<AtomicBool>,
    measured: Arc<OnceLock<Measured>>,
    detail: Arc<OnceLock<(&'static str, Detail)>>,
}

/// What a service tells about its own affairs.
type Detail = Box<dyn Fn() -> Value + Send + Sync>;

impl Health {
    /// A service that has just started.
    pub fn new(service: &'static str, db: Db, broker: Arc<dyn Broker>, keys: Keys) -> Self {
        let (prepared, dropped, loaded, measured, detail) = Default::default();
        Self { service, db, broker, keys, prepared, dropped, loaded, measured, detail }
    }

    /// The schema is up to date.
    pub fn set_prepared(&self) {
        self.prepared.store(true, Ordering::Relaxed);
    }

    /// Notes whether the schema is still there. Requests wait while it is not.
    pub(crate) fn set_schema(&self, there: bool) {
        self.dropped.store(!there, Ordering::Relaxed);
        self.prepared.store(there, Ordering::Relaxed);
    }

    /// Memory is filled.
    pub fn set_loaded(&self) {
        self.loaded.store(true, Ordering::Relaxed);
    }

    /// The consumers run; what they do is told here.
    pub(crate) fn set_measured(&self, measured: Measured) {
        // A service is started once.
        let _again = self.measured.set(measured);
    }

    /// Something of the service's own is told here.
    pub(crate) fn set_detail(&self, name: &'static str, read: impl Fn() -> Value + Send + Sync + 'static) {
        // A service has one such affair at most.
        let _again = self.detail.set((name, Box::new(read)));
    }

    /// What the tasks measured last; nothing is asked of the database or the broker.
    fn details(&self) -> Value {
        let (now, (rows, oldest)) = (self.db.clock().now(), self.db.outbox().last_backlog());
        let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        let streams = self.measured.get().map(Measured::streams).unwrap_or_default();
        let dead_letters: u64 = streams.values().map(|stream| stream.dead_letters).sum();
        let stream = |stream: &Consumed| {
            json!({
                "connected": stream.connected, "lag_seconds": stream.lag(now).as_secs_f64(),
                "last_applied": stream.applied_at, "dead_letters": stream.dead_letters
            })
        };
        let streams: Map<String, Value> =
            streams.iter().map(|(name, consumed)| ((*name).to_owned(), stream(consumed))).collect();
        let mut details = json!({
            "outbox": { "rows": rows, "oldest_seconds": age }, "dead_letters": dead_letters, "streams": streams
        });
        if let (Value::Object(details), Some((name, read))) = (&mut details, self.detail.get()) {
            details.insert((*name).to_owned(), read());
        }
        details
    }

    /// Whether it can serve (database and keys), whether all is well, and the parts.
    async fn check(&self) -> (bool, bool, Value) {
        let database = self.prepared.load(Ordering::Relaxed) && self.db.ping().await.is_ok();
        let keys = self.keys.loaded().await;
        let broker = self.broker.is_up().await;
        let memory = self.loaded.load(Ordering::Relaxed);
        let trouble = self.db.writes().trouble();
        let word = |up: bool| if up { "up" } else { "down" };
        let (stopped, unchecked) = (self.db.outbox().writes().admit().err(), self.db.outbox().writes().unchecked());
        let writes = trouble.as_ref().map(ToString::to_string).or(stopped.map(|stopped| stopped.to_string()));
        let mut parts = json!({
            "database": word(database), "writes": writes.as_deref().unwrap_or("up"), "keys": word(keys),
            "broker": word(broker), "memory": word(memory)
        });
        if let Value::Object(parts) = &mut parts {
            if self.dropped.load(Ordering::Relaxed) {
                parts.insert("schema".to_owned(), json!("missing"));
            }
            if !unchecked.is_empty() {
                parts.insert("unchecked".to_owned(), json!(unchecked));
            }
        }
        (database && keys, broker && memory && writes.is_none(), parts)
    }
}

/// Everything that one port serves: the routes of one service, or of all five, and what every request passes. Clones share
/// it.
///
/// It is one function instead of a stack of layers, because axum boxes and clones the services of each layer for every
/// request: six of them cost more than all else that a read from memory does.
#[derive(Clone)]
pub struct App {
    router: Router,
    health: Arc<Vec<Health>>,
    requests: Arc<Requests>,
}

/// What a port tells about the inside: `/metrics`, and the details of `/readyz?verbose`.
#[derive(Clone)]
pub enum Inside {
    /// Everything.
    Told(Option<PrometheusHandle>),
    /// Nothing: strangers may ask here.
    Kept,
}

impl App {
    /// Puts the routes together with health, metrics and the API reference.
    pub fn new(routes: Router, openapi: OpenApi, health: Vec<Health>, inside: Inside) -> Self {
        let health = Arc::new(health);
        let routes = routes.merge(docs::router(openapi)).merge(probes(&health, inside));
        Self::of(routes, health)
    }

    /// Only health and metrics, for a port of their own.
    pub fn of_probes(health: Vec<Health>, metrics: PrometheusHandle) -> Self {
        let health = Arc::new(health);
        Self::of(probes(&health, Inside::Told(Some(metrics))), health)
    }

    fn of(routes: Router, health: Arc<Vec<Health>>) -> Self {
        let router = routes
            .route_layer(MapRequestLayer::new(note_route))
            .fallback(|| async { ApiError::not_found("There is nothing at this path") })
            // The router adds `Allow` to what is answered here.
            .method_not_allowed_fallback(|method: Method| async move {
                if method == Method::OPTIONS {
                    return StatusCode::NO_CONTENT.into_response();
                }
                let text = "This path does not take this method";
                ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text).into_response()
            });
        Self { router, health, requests: Arc::default() }
    }

    /// Answers a request: gives it an id and a span, ends it when it takes too long or panics, renders problems, logs once
    /// what failed on our side, and measures.
    pub async fn answer(&self, request: Request) -> Response {
        self.answer_one(request, Instant::now(), false).await
    }

    /// The same for a request that came over the network.
    pub(super) async fn answer_network(&self, request: Request, begun: Instant) -> Response {
        self.answer_one(request, begun, true).await
    }

    async fn answer_one(&self, request: Request, begun: Instant, over_network: bool) -> Response {
        let method = request.method().clone();
        let under_way = self.requests.begin();
        let current = Current::of(request.headers());
        let id = current.id.clone();
        let checked = rules::check(&request, over_network);
        // Making a span costs as much as finding the route, so they are for `RUST_LOG=debug`.
        let span = tracing::debug_span!("request", http.method = %method, request.id = id);
        let (mut response, noted, wishes) = match checked {
            Ok(wishes) => {
                let (response, noted) = current.scope(self.guarded(request).instrument(span)).await;
                (response, noted, wishes)
            }
            Err(error) => (error.into_response(), Noted::default(), Wishes::default()),
        };
        let route = noted.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            log(&error, &method, route, &id);
            response = rendered(error, &id, &response);
        } else if response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE) {
            let problem = match response.status() {
                StatusCode::NOT_FOUND => ApiError::not_found("There is nothing at this path"),
                status => ApiError::new(status, "bad_request", "The request is not valid"),
            };
            response = rendered(problem, &id, &response);
        }
        let is_head = method == Method::HEAD;
        if response.status() == StatusCode::NOT_MODIFIED {
            // It would be taken for that of the representation, which is not looked at here.
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        if is_head {
            response = without_body(response);
        }
        if is_head || response.body().size_hint().lower() >= compressed::SMALL {
            // Boxed, since few answers are compressed and every request would be as large as this future.
            response = Box::pin(compressed::compress(response, wishes.gzip, is_head)).await;
        }
        let status = response.status();
        let headers = response.headers_mut();
        if status == StatusCode::METHOD_NOT_ALLOWED || method == Method::OPTIONS {
            allow_options(headers);
        }
        if noted.personal {
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(value) = HeaderValue::try_from(id) {
            headers.insert(request_id::HEADER, value);
        }
        self.requests.end(under_way, &method, route, status, begun);
        response
    }

    async fn guarded(&self, request: Request) -> Response {
        if *request.method() == Method::OPTIONS && request.uri().path() == "*" {
            return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
        }
        if !self.is_prepared_for(request.uri().path()) {
            return ApiError::unavailable("starting", "The service is starting, nothing was stored").into_response();
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let answer = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        match tokio::time::timeout(REQUEST, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => on_panic(&*panic),
            Err(_elapsed) if reads => ApiError::unavailable("timeout", "The request took too long").into_response(),
            // A write that is cut off may have been stored.
            Err(_elapsed) => ApiError::outcome_unknown().into_response(),
        }
    }

    /// Requests have to wait until the schemas are up to date, but for those that need no database: the state, and the public
    /// keys, for which the other services wait.
    fn is_prepared_for(&self, path: &str) -> bool {
        self.health.iter().all(|health| health.prepared.load(Ordering::Relaxed))
            || [LIVEZ, READYZ, METRICS].contains(&path)
            || path.starts_with("/.well-known/")
    }
}

/// Only on the port of each service: the gateway does not route them.
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

/// Tells the request under way which route it has found.
fn note_route(request: Request) -> Request {
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        request_id::note_route(route);
    }
    request
}

/// Health, and metrics where the inside is told.
fn probes(health: &Arc<Vec<Health>>, inside: Inside) -> Router {
    let told = matches!(inside, Inside::Told(_));
    let state = Probed { services: Arc::clone(health), told };
    let router = Router::new().route(LIVEZ, get(|| async { "ok" })).route(READYZ, get(readyz).with_state(state));
    let Inside::Told(metrics) = inside else { return router };
    let render = move || std::future::ready(metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default());
    router.route(METRICS, get(render))
}

/// A problem as it is sent, with the headers that came with it, such as `Allow`.
fn rendered(error: ApiError, id: &str, before: &Response) -> Response {
    let mut response = error.render(id.to_owned());
    for (name, value) in before.headers() {
        if name != header::CONTENT_LENGTH {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    response
}

/// What HEAD is answered: the headers of a GET, among them the length of its body.
fn without_body(mut response: Response) -> Response {
    let size = response.body().size_hint().exact().filter(|size| *size > 0);
    if let Some(size) = size {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(size));
    }
    response.map(|_body| Body::empty())
}

/// Every path answers OPTIONS, which the router does not know of.
fn allow_options(headers: &mut HeaderMap) {
    let allowed = headers.get(header::ALLOW).and_then(|allowed| allowed.to_str().ok()).unwrap_or_default();
    if allowed.is_empty() || allowed.contains("OPTIONS") {
        return;
    }
    if let Ok(allowed) = HeaderValue::try_from(format!("{allowed},OPTIONS")) {
        headers.insert(header::ALLOW, allowed);
    }
}

/// The services that `/readyz` tells about.
#[derive(Clone)]
struct Probed {
    services: Arc<Vec<Health>>,
    told: bool,
}

async fn readyz(State(Probed { services, told }): State<Probed>, RawQuery(query): RawQuery) -> Response {
    let verbose =
        told && query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    let (mut can_serve, mut well, mut parts) = (true, true, Map::new());
    for health in services.iter() {
        let (serves, is_well, mut part) = health.check().await;
        if verbose && let (Value::Object(part), Value::Object(details)) = (&mut part, health.details()) {
            part.extend(details);
        }
        can_serve &= serves;
        well &= is_well;
        parts.insert(health.service.to_owned(), part);
    }
    let status = if can_serve { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = match (can_serve, well) {
        (true, true) => "ready",
        (true, false) => "degraded",
        (false, _) => "down",
    };
    (status, Json(json!({ "status": word, "services": parts }))).into_response()
}

fn on_panic(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format!("panic: {}", text.unwrap_or("no message"))).into_response()
}

/// Logs what failed on our side, once.
fn log(error: &ApiError, method: &Method, route: &str, id: &str) {
    let (cause, method) = (error.cause().unwrap_or_default(), method.as_str());
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        // Refused for now, and the client was told when to come again.
        tracing::warn!(
            cause,
            http.method = method,
            http.route = route,
            request.id = id,
            "A request was refused: {error}."
        );
    } else if error.status().is_server_error() {
        tracing::error!(cause, http.method = method, http.route = route, request.id = id, "A request failed: {error}.");
    } else if !cause.is_empty() {
        tracing::debug!(
            cause,
            http.method = method,
            http.route = route,
            request.id = id,
            "A request was refused: {error}."
        );
    }
}

/// What is measured of requests.
struct Requests {
    pending: Gauge,
    /// Counters and histograms by method, route and status: looking one up here takes a fraction of what it takes to ask
    /// for it by its name and labels.
    known: RwLock<HashMap<String, (Counter, Histogram)>>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { pending: metrics::gauge!("axum_http_requests_pending"), known: RwLock::default() }
    }
}

/// Counts a request as under way until it is dropped, however the request ends.
struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Requests {
    fn begin(&self) -> UnderWay {
        self.pending.increment(1.0);
        UnderWay(self.pending.clone())
    }

    /// Unknown paths share one label: as labels they would fill the memory.
    fn end(&self, _under_way: UnderWay, method: &Method, route: &str, status: StatusCode, begun: Instant) {
        let key = [method.as_str(), route, status.as_str()].join(" ");
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let note = |(count, seconds): &(Counter, Histogram)| {
            count.increment(1);
            seconds.record(begun.elapsed().as_secs_f64());
        };
        if let Some(both) = known.get(&key) {
            return note(both);
        }
        drop(known);
        // A method that nobody knows would be a label of its own, too.
        let method = if method.as_str().len() > 7 { "other" } else { method.as_str() };
        let labels =
            [("method", method.to_owned()), ("status", status.as_str().to_owned()), ("endpoint", route.to_owned())];
        let count = metrics::counter!("axum_http_requests_total", &labels);
        let both = (count, metrics::histogram!("axum_http_requests_duration_seconds", &labels));
        note(&both);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < SERIES {
            known.insert(key, both);
        }
    }
}
