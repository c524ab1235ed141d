//! The interface between HTTP and the health of a process: the probe routes, and how much of the process a port
//! discloses.
//!
//! HTTP knows nothing of databases or brokers. So [`crate::health`] builds the routes and passes them to this module.

use std::sync::Arc;

use axum::Router;
use axum_prometheus::metrics_exporter_prometheus::PrometheusHandle;

/// Returns whether a request to a path can be served now.
pub type CanServe = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The routes that report the state of a process, and the function that decides which requests can be served yet.
pub struct Probes {
    /// The probe routes.
    pub router: Router,
    /// Returns whether a request to this path can be served now. It is called for every request, so it must read memory
    /// only.
    pub can_serve: CanServe,
}

/// The amount of information that a port discloses about the process behind it.
#[derive(Clone)]
pub enum Disclosure {
    /// `/metrics`, empty when there is no recorder, and the details of `/readyz?verbose`.
    Full(Option<PrometheusHandle>),
    /// Neither metrics nor details, because strangers can reach the port.
    Restricted,
}
