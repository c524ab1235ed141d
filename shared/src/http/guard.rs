//! Protects the process and the client from routes that take too long, panic, or run before the service is ready.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tower::ServiceExt;

use super::cors;
use super::probes::CanServe;
use crate::error::ApiError;

/// The time limit of a request, from the head of the request to the head of the answer. Reading the body is included.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// The methods that some path takes, for `OPTIONS *`.
const METHODS: &str = "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS";

/// The routes of a port, guarded so that every request gets an answer in time. Clones share the routes.
#[derive(Clone)]
pub(super) struct GuardedRouter {
    router: Router,
    can_serve: CanServe,
    /// [`TIME_LIMIT`], shorter in tests.
    pub(super) time_limit: Duration,
}

impl GuardedRouter {
    pub(super) fn new(router: Router, can_serve: CanServe) -> Self {
        Self { router, can_serve, time_limit: TIME_LIMIT }
    }

    /// Lets web pages of these origins call the routes.
    pub(super) fn allow_origins(self, origins: &[HeaderValue]) -> Self {
        Self { router: cors::allow_origins(self.router, origins), ..self }
    }

    /// Answers a request: by its route, or with 503 before the service is ready or when a read takes too long, 504 when
    /// a write does, and 500 when the route panics.
    pub(super) async fn answer(&self, request: Request) -> Response {
        if *request.method() == Method::OPTIONS && request.uri().path() == "*" {
            return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
        }
        if !(self.can_serve)(request.uri().path()) {
            return ApiError::unavailable("starting", "The service is starting, nothing was stored").into_response();
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        // A panic ends one request, not the connection, and not the process, which may hold five services. State that
        // it could leave half changed stands behind locks that recover from poisoning, or in transactions that roll
        // back.
        let answer = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        match tokio::time::timeout(self.time_limit, answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => describe_panic(&*panic).into_response(),
            Err(_elapsed) if is_read => ApiError::unavailable("timeout", "The request took too long").into_response(),
            // The commit of a write may have been under way when the write was cut off.
            Err(_elapsed) => ApiError::outcome_unknown().into_response(),
        }
    }
}

/// Builds the error for a panic. The message goes to the log only.
fn describe_panic(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format!("panic: {}", text.unwrap_or("no message")))
}
