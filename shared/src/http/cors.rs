//! Cross-origin requests (CORS): which web pages of others browsers let call the API.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use super::limits;

/// The time for which a browser remembers the answer to a preflight, so that it does not ask before each request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3_600);

/// Lets web pages of these origins call the routes. Without origins the routes stay as they are, and no header of CORS is
/// sent. Credentials of the browser are never allowed: the API takes tokens in the header `Authorization`.
pub(super) fn allow_origins(routes: Router, origins: &[HeaderValue]) -> Router {
    if origins.is_empty() {
        return routes;
    }
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let sent = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::RANGE,
        super::idempotency::HEADER,
        super::positions::HEADER,
    ];
    let shown = [
        header::ETAG,
        header::LINK,
        header::LOCATION,
        header::RETRY_AFTER,
        limits::POLICY,
        limits::STATE,
        super::positions::HEADER,
        crate::request_id::HEADER,
    ];
    let cors = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods(methods)
        .allow_headers(sent)
        .expose_headers(shown)
        .max_age(PREFLIGHT_MAX_AGE);
    routes.layer(cors)
}
