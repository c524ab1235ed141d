//! Puts a service's routes together with health, metrics, the API reference, and the layers that every request passes.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{MatchedPath, RawQuery, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_prometheus::{EndpointLabel, PrometheusMetricLayerBuilder};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::request_id;
use crate::auth::Keys;
use crate::db::Db;
use crate::error::ApiError;
use crate::events::broker::Broker;
use crate::events::measured::{Consumed, Measured};

/// From the first byte of a body to the last byte of the answer's head.
const REQUEST: Duration = Duration::from_secs(15);
/// The longest path with its query, in bytes.
const PATH: usize = 2_048;

/// The state of one service, for `/readyz`.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    db: Db,
    broker: Arc<dyn Broker>,
    keys: Keys,
    prepared: Arc<AtomicBool>,
    loaded: Arc<AtomicBool>,
    measured: Arc<OnceLock<Measured>>,
}

impl Health {
    /// A service that has just started.
    pub fn new(service: &'static str, db: Db, broker: Arc<dyn Broker>, keys: Keys) -> Self {
        let (prepared, loaded, measured) = Default::default();
        Self { service, db, broker, keys, prepared, loaded, measured }
    }

    /// The schema is up to date.
    pub fn set_prepared(&self) {
        self.prepared.store(true, Ordering::Relaxed);
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
        json!({
            "outbox": { "rows": rows, "oldest_seconds": age }, "dead_letters": dead_letters, "streams": streams
        })
    }

    /// Whether it can serve (database and keys), whether all is well, and the parts.
    async fn check(&self) -> (bool, bool, Value) {
        let database = self.prepared.load(Ordering::Relaxed) && self.db.ping().await.is_ok();
        let keys = self.keys.loaded().await;
        let broker = self.broker.is_up().await;
        let memory = self.loaded.load(Ordering::Relaxed);
        let word = |up: bool| if up { "up" } else { "down" };
        let parts =
            json!({ "database": word(database), "keys": word(keys), "broker": word(broker), "memory": word(memory) });
        (database && keys, broker && memory, parts)
    }
}

/// Everything that one port serves: the routes of one service, or of all five.
pub fn app(routes: Router, openapi: OpenApi, health: Vec<Health>, metrics: Option<PrometheusHandle>) -> Router {
    let own = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(readyz).with_state(Arc::new(health)))
        .route(
            "/metrics",
            get(move || std::future::ready(metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default())),
        )
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi));
    // Unknown paths share one label: as labels they would fill the memory.
    let measured = PrometheusMetricLayerBuilder::new()
        .with_endpoint_label_type(EndpointLabel::MatchedPathWithFallbackFn(|_| "unmatched".to_owned()))
        .build();
    routes
        .merge(own)
        .fallback(|| async { ApiError::not_found("There is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not take this method")
        })
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn(in_time))
        .layer(from_fn(context))
        .layer(measured)
}

async fn readyz(State(services): State<Arc<Vec<Health>>>, RawQuery(query): RawQuery) -> Response {
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
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

/// Refuses requests for now until the schema is up to date. The public keys need no database, and the other services wait for
/// them.
pub async fn when_prepared(State(health): State<Health>, request: Request, next: Next) -> Response {
    if health.prepared.load(Ordering::Relaxed) || request.uri().path().starts_with("/.well-known/") {
        return next.run(request).await;
    }
    ApiError::unavailable("starting", "The service is starting, nothing was stored").into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer asks for this signature")]
fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format!("panic: {}", text.unwrap_or("no message"))).into_response()
}

/// Ends a request that takes too long. A write that is cut off may have been stored, so its outcome is unknown.
async fn in_time(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) if reads => ApiError::unavailable("timeout", "The request took too long").into_response(),
        Err(_elapsed) => ApiError::outcome_unknown().into_response(),
    }
}

/// Gives the request its id and span, renders problems, and logs what failed on our side, once.
async fn context(request: Request, next: Next) -> Response {
    let id = request_id::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::error_span!("request", http.method = %request.method(), http.route = route, request.id = id);
    let fits = request.uri().path_and_query().is_none_or(|path| path.as_str().len() <= PATH);
    let mut response = if fits {
        request_id::scope(id.clone(), next.run(request).instrument(span.clone())).await
    } else {
        ApiError::new(StatusCode::URI_TOO_LONG, "uri_too_long", "Path and query are longer than 2 KiB").into_response()
    };
    let status = response.status();
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Refused for now, and the client was told when to come again.
            span.in_scope(|| {
                tracing::warn!(cause = error.cause().unwrap_or_default(), "A request was refused: {error}.")
            });
        } else if status.is_server_error() {
            span.in_scope(|| tracing::error!(cause = error.cause().unwrap_or_default(), "A request failed: {error}."));
        } else if let Some(cause) = error.cause() {
            span.in_scope(|| tracing::debug!(cause, "A request was refused: {error}."));
        }
        response = error.render(id.clone());
    } else if status.is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE) {
        let problem = match status {
            StatusCode::NOT_FOUND => ApiError::not_found("There is nothing at this path"),
            _ => ApiError::new(status, "bad_request", "The request is not valid"),
        };
        response = problem.render(id.clone());
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::try_from(id) {
        headers.insert(request_id::HEADER, value);
    }
    response
}
