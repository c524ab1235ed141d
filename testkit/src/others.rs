//! Other services that a service under test asks over HTTP, played by routes of the test.

use std::sync::Arc;

use axum::Router;
use shared::http::{App, Probes};

/// Builds an app that has these routes alone.
pub fn app_of(routes: Router) -> App {
    App::of_probes(Probes { router: routes, can_serve: Arc::new(|_path| true) })
}
