//! The conditions of requests that concern a post or a feed (RFC 9110, section 13).
//!
//! A read compares the whole entity tag. A change compares the version of the content only, see `domain::etag`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use shared::http::conditional::{self, Verdict};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::actions::VersionCondition;
use crate::domain::etag;

/// A version that no post has, since versions begin with 1.
const NO_VERSION: i64 = 0;

/// The fields of a conditional read, for the API's description.
pub(super) struct ReadConditions;

impl IntoParams for ReadConditions {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let field = |name: &str, description: &str| {
            let field = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
            let text = ObjectBuilder::new().schema_type(Type::String);
            field.description(Some(description)).schema(Some(text.build())).build()
        };
        vec![
            field("If-None-Match", "ETags that the client has the body of"),
            field("If-Match", "ETags of which one must be the current one"),
        ]
    }
}

/// Builds the response to a read: a body with its entity tag, or 304 when the client has this body already. `None` when
/// `If-Match` names other tags only.
pub(super) fn answer_read(
    headers: &HeaderMap,
    media_type: &'static str,
    body: impl Into<Body>,
    etag: HeaderValue,
) -> Option<Response> {
    let opaque = |etag: &HeaderValue| Some(etag.to_str().ok()?.trim_start_matches("W/").trim_matches('"').to_owned());
    let current = opaque(&etag);
    let mut response = match conditional::evaluate(&Method::GET, headers, |known| current.as_deref() == Some(known)) {
        Verdict::Failed => return None,
        Verdict::NotModified => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        Verdict::Go => {
            let mut response = Response::new(body.into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            response
        }
    };
    response.headers_mut().insert(header::ETAG, etag);
    Some(response)
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
