//! Turns the answer of a route into the answer that is sent: problems, HEAD, compression, and the headers of every
//! answer.

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::pages::{ErrorPage, PageError, PageRequest};
use super::{compress, positions};
use crate::error::ApiError;
use crate::request_id::{self, Noted};

/// The facts about a request that decide how its answer is sent.
pub(super) struct Context<'a> {
    pub(super) method: Method,
    pub(super) request_id: String,
    /// The route, for the log.
    pub(super) endpoint: &'a str,
    pub(super) accepts_gzip: bool,
    pub(super) noted: Noted,
    /// The builder of the page about a failure, with the request; absent for a path of the API.
    pub(super) page: Option<(ErrorPage, PageRequest)>,
}

/// Makes the answer of a route ready to be sent, and passes an error in it to `log`.
pub(super) async fn render(response: Response, context: Context<'_>) -> Response {
    let mut response = render_problem(response, &context);
    let is_head = context.method == Method::HEAD;
    if response.status() == StatusCode::NOT_MODIFIED {
        // A client would take the length of the empty body for the length of the representation, which is not known
        // here.
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if is_head {
        response = without_body(response);
    }
    if is_head || response.body().size_hint().lower() >= compress::MIN_SIZE {
        // Boxed, because few answers are compressed, and otherwise the future of every request would have room for this
        // one.
        response = Box::pin(compress::compress(response, context.accepts_gzip, is_head)).await;
    }
    set_headers(&mut response, context);
    response
}

/// Renders an [`ApiError`] as a problem with the request's id, also where axum itself has refused the request.
fn render_problem(mut response: Response, context: &Context<'_>) -> Response {
    let error = if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        log(&error, context);
        error
    } else if response.status().is_client_error() && !response.headers().contains_key(header::CONTENT_TYPE) {
        // An answer of axum's own, for example to a path whose percent encoding is broken.
        match response.status() {
            StatusCode::NOT_FOUND => ApiError::not_found("There is nothing at this path"),
            status => ApiError::new(status, "bad_request", "The request is not valid"),
        }
    } else {
        return response;
    };
    let mut problem = match &context.page {
        None => error.render(context.request_id.clone()),
        Some((error_page, request)) => render_page(error_page, request, &error, context),
    };
    // Headers such as `Allow` belong to the status and stay.
    for (name, value) in response.headers() {
        if name == header::SET_COOKIE {
            problem.headers_mut().append(name, value.clone());
        } else if name != header::CONTENT_LENGTH {
            problem.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    problem
}

/// Renders an error as a page.
fn render_page(error_page: &ErrorPage, request: &PageRequest, error: &ApiError, context: &Context<'_>) -> Response {
    let retry_after = error.retry_after();
    let problem = error.describe(context.request_id.clone());
    let mut response = error_page(request, &PageError { problem, retry_after });
    *response.status_mut() = error.status();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Turns the answer to a GET into the answer to a HEAD: all headers with the length of the body, and no body.
fn without_body(mut response: Response) -> Response {
    let size = response.body().size_hint().exact().filter(|size| *size > 0);
    if let Some(size) = size {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(size));
    }
    response.map(|_body| Body::empty())
}

/// Sets the headers that every answer has, and those that depend on the request alone.
fn set_headers(response: &mut Response, context: Context<'_>) {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::METHOD_NOT_ALLOWED || context.method == Method::OPTIONS {
        allow_options(headers);
    }
    if context.noted.is_personal {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        // Never in the answer to somebody without a token: that a registration has written nothing, because the address
        // is known, is a secret.
        if status.is_success() && !context.noted.positions.is_empty() {
            headers.extend(HeaderValue::try_from(context.noted.positions).ok().map(|list| (positions::HEADER, list)));
        }
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::try_from(context.request_id) {
        headers.insert(request_id::HEADER, value);
    }
}

/// Adds OPTIONS to the allowed methods. Every path answers OPTIONS, but the router does not know that and leaves it
/// out.
fn allow_options(headers: &mut HeaderMap) {
    let allowed = headers.get(header::ALLOW).and_then(|allowed| allowed.to_str().ok()).unwrap_or_default();
    if allowed.is_empty() || allowed.contains("OPTIONS") {
        return;
    }
    if let Ok(allowed) = HeaderValue::try_from(format!("{allowed},OPTIONS")) {
        headers.insert(header::ALLOW, allowed);
    }
}

/// Logs an error with its cause, once for each request. A failure on our side is logged as an error, a refusal that the
/// client can repeat later as a warning, and any other refusal that has a cause for debugging.
fn log(error: &ApiError, context: &Context<'_>) {
    let (cause, method, id) = (error.cause().unwrap_or_default(), context.method.as_str(), &context.request_id);
    let route = context.endpoint;
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
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
