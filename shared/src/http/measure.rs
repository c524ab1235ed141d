//! Measures every request with the lifecycle hooks of `axum-prometheus`, under the names and labels of that crate.
//!
//! The ready-made `PrometheusMetricLayer` reads the route from the request, so it has to be a layer of the router, and
//! axum boxes and clones the service of each layer for every request. The hooks alone are generic and stand around the
//! whole service, so they also measure requests that never reach a route. The router reports the route from within, see
//! [`note_route`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{self, Method, StatusCode};
use axum::response::Response;
use axum_prometheus::lifecycle::layer::LifeCycleLayer;
use axum_prometheus::lifecycle::service::LifeCycle;
use axum_prometheus::lifecycle::{Callbacks, OnBodyChunk};
use axum_prometheus::utils::{requests_duration_name, requests_pending_name, requests_total_name};
use bytes::Bytes;
use metrics::{Counter, Gauge, Histogram};
use tower::{Layer, Service};
use tower_http::classify::{ClassifiedResponse, SharedClassifier, StatusInRangeAsFailures};

/// The endpoint of requests that reached no route. Their paths must not become labels: everybody can invent new ones,
/// and each would stay in memory.
const UNMATCHED: &str = "unmatched";

/// Sorts answers into successes and failures. The hooks require a classifier; the metrics are labelled by status
/// instead.
type Classifier = SharedClassifier<StatusInRangeAsFailures>;

/// An answer whose body keeps its request pending until it has been sent.
pub(super) type Measured = <LifeCycle<Router, Classifier, Measurement, IgnoreChunks> as Service<Request>>::Response;

/// Passes a request to `service` and measures it as `measurement`, which counts the answer once: when its head is
/// ready.
pub(super) async fn measure<S>(measurement: Measurement, service: S, request: Request) -> Measured
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let classifier = StatusInRangeAsFailures::new_for_client_and_server_errors().into_make_classifier();
    let Ok(answer) = LifeCycleLayer::new(classifier, measurement, IgnoreChunks).layer(service).call(request).await;
    answer
}

/// The metrics of all endpoints of one port. Clones share them.
///
/// A metric is registered with the recorder once and then kept here. Finding it here by endpoint and status takes a
/// fraction of the time that the recorder needs to find it by name and labels. Endpoints, methods and statuses are
/// known sets, so this cannot grow without bound.
#[derive(Clone, Default)]
pub(super) struct Endpoints(Arc<RwLock<ByEndpoint>>);

/// The metrics by endpoint, and for each endpoint by method. An endpoint has few methods, so a list is searched faster.
type ByEndpoint = HashMap<Box<str>, Vec<Arc<Series>>>;

impl Endpoints {
    /// Begins to measure a request that has just arrived.
    pub(super) fn begin(&self, method: &Method) -> Measurement {
        Measurement(Arc::new(Inner {
            endpoints: self.clone(),
            method: method_label(method),
            began: Instant::now(),
            pending: OnceLock::new(),
        }))
    }

    /// Returns the metrics of one method at one endpoint.
    fn series(&self, endpoint: &str, method: &'static str) -> Arc<Series> {
        let find = |known: &ByEndpoint| known.get(endpoint)?.iter().find(|series| series.method == method).cloned();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = find(&known) {
            return series;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have added it between the two locks.
        if let Some(series) = find(&known) {
            return series;
        }
        let series = Arc::new(Series::new(endpoint, method));
        known.entry(endpoint.into()).or_default().push(Arc::clone(&series));
        series
    }
}

/// The metrics of one method at one endpoint.
struct Series {
    method: &'static str,
    endpoint: Box<str>,
    /// The gauge of requests under way. The first such request registers it, so that `unmatched`, where no request is
    /// ever under way, has no gauge.
    pending: OnceLock<Gauge>,
    /// The number and the duration of answers, by status. Few statuses occur, so a list is searched faster than a map.
    answered: RwLock<Vec<(StatusCode, Counter, Histogram)>>,
}

impl Series {
    fn new(endpoint: &str, method: &'static str) -> Self {
        Self { method, endpoint: endpoint.into(), pending: OnceLock::new(), answered: RwLock::default() }
    }

    fn pending(&self) -> &Gauge {
        self.pending.get_or_init(|| {
            let labels = [("method", self.method.to_owned()), ("endpoint", self.endpoint.to_string())];
            metrics::gauge!(requests_pending_name(), &labels)
        })
    }

    /// Counts one answer and the seconds that it took.
    fn add_answer(&self, status: StatusCode, seconds: f64) {
        let known = self.answered.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count, duration)) = known.iter().find(|(known, ..)| *known == status) {
            count.increment(1);
            duration.record(seconds);
            return;
        }
        drop(known);
        let labels = [
            ("method", self.method.to_owned()),
            ("status", status.as_str().to_owned()),
            ("endpoint", self.endpoint.to_string()),
        ];
        let count = metrics::counter!(requests_total_name(), &labels);
        let duration = metrics::histogram!(requests_duration_name(), &labels);
        count.increment(1);
        duration.record(seconds);
        // Another request may do the same now. Two entries for a status do no harm: both write to the same metrics.
        self.answered.write().unwrap_or_else(PoisonError::into_inner).push((status, count, duration));
    }
}

/// The measurement of one request. Clones share it; the request stops being pending when the last of them is dropped.
#[derive(Clone)]
pub(super) struct Measurement(Arc<Inner>);

struct Inner {
    endpoints: Endpoints,
    method: &'static str,
    began: Instant,
    /// Set when the request reaches a route.
    pending: OnceLock<Pending>,
}

impl Measurement {
    /// Runs `work`, from within which [`note_route`] reports to this measurement.
    pub(super) async fn scope<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// Records that the request has reached a route. It is pending there from now on.
    fn enter(&self, route: &str) {
        self.0.pending.get_or_init(|| Pending::begin(self.0.endpoints.series(route, self.0.method)));
    }

    /// Returns the label of the route that the request has reached, or [`UNMATCHED`].
    pub(super) fn endpoint(&self) -> &str {
        self.0.pending.get().map_or(UNMATCHED, |pending| &pending.0.endpoint)
    }

    /// Counts the answer under the route that the request has reached.
    fn end(&self, status: StatusCode) {
        let seconds = self.0.began.elapsed().as_secs_f64();
        match self.0.pending.get() {
            Some(pending) => pending.0.add_answer(status, seconds),
            None => self.0.endpoints.series(UNMATCHED, self.0.method).add_answer(status, seconds),
        }
    }
}

tokio::task_local! {
    /// The measurement of the request that this task serves. The router, which runs inside the measured service,
    /// reports the route to it.
    static CURRENT: Measurement;
}

/// Records that the request of this task has reached a route. Does nothing outside of requests.
pub(super) fn note_route(route: &MatchedPath) {
    let _no_request = CURRENT.try_with(|current| current.enter(route.as_str()));
}

/// Keeps a request pending until it is dropped, which also happens when the client disconnects.
struct Pending(Arc<Series>);

impl Pending {
    fn begin(series: Arc<Series>) -> Self {
        series.pending().increment(1.0);
        Self(series)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending().decrement(1.0);
    }
}

impl<FailureClass> Callbacks<FailureClass> for Measurement {
    /// The measurement itself, which becomes a part of the answer's body.
    type Data = Self;

    fn prepare<B>(&mut self, _request: &http::Request<B>) -> Self {
        self.clone()
    }

    fn on_response<B>(
        &mut self,
        response: &http::Response<B>,
        _classification: ClassifiedResponse<FailureClass, ()>,
        _data: &mut Self,
    ) {
        self.end(response.status());
    }
}

/// Does nothing with the parts of a body: the sizes of answers are not measured.
#[derive(Clone, Copy)]
pub(super) struct IgnoreChunks;

impl OnBodyChunk<Bytes> for IgnoreChunks {
    type Data = Measurement;
}

/// Returns the method as a label. All unknown methods share one label, because everybody can invent new ones.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}
