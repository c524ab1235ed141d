//! The conditions of requests that concern a post (RFC 9110, section 13).
//!
//! A read compares the whole entity tag. A change compares the version of the content only, see `domain::etag`.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use shared::http::conditional::{self, Verdict};

use crate::actions::VersionCondition;
use crate::domain::etag;
use crate::error::Error;

/// A version that no post has, since versions begin with 1.
const NO_VERSION: i64 = 0;

/// Builds the response to a read: a JSON body with its entity tag, or 304 when the client has this body already.
///
/// # Errors
/// [`Error::VersionMismatch`] when `If-Match` names other tags only.
pub(super) fn answer_read(headers: &HeaderMap, body: Bytes, etag: HeaderValue) -> Result<Response, Error> {
    let is_current = |opaque: &str| etag.to_str().is_ok_and(|current| current.trim_matches('"') == opaque);
    let mut response = match conditional::evaluate(&Method::GET, headers, is_current) {
        Verdict::Failed => return Err(Error::VersionMismatch),
        Verdict::NotModified => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        Verdict::Go => {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    };
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

/// Builds the condition of a change from the fields `If-Match` and `If-None-Match`. `None` when the request has
/// neither.
pub(super) fn change_condition(method: Method, headers: HeaderMap) -> Option<Box<VersionCondition>> {
    if !conditional::has_conditions(&headers) {
        return None;
    }
    Some(Box::new(move |current| {
        let evaluate = |is_current: &dyn Fn(&str) -> bool| conditional::evaluate(&method, &headers, is_current);
        match evaluate(&|opaque| etag::has_content(opaque, current)) {
            // A condition that holds for every version, such as `If-Match: *`, must not fail when another change comes
            // in between.
            Verdict::Go if evaluate(&|_| false) == Verdict::Go && evaluate(&|_| true) == Verdict::Go => None,
            Verdict::Go => Some(current),
            Verdict::NotModified | Verdict::Failed => Some(NO_VERSION),
        }
    }))
}
