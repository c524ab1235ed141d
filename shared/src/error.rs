//! The one error envelope: problem details as RFC 9457 defines them.
//!
//! [`FieldErrors`] collects violations while a request is checked. [`ApiError`] is the failure that handlers and
//! extractors return: the part for the client and, separately, the cause for the log. [`Problem`] is the JSON that is
//! sent. Only `http::App` renders an `ApiError`, because it knows the id of the request, and because the cause of a 5xx
//! must be logged exactly once.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::problems;

/// A field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field, such as `/title`; empty for the whole body.
    #[schema(example = "/title")]
    pub pointer: String,
    /// The rule, as a sentence part.
    pub detail: Cow<'static, str>,
}

/// The violations found in a body so far. One response names all of them, so that a form can mark each field at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Adds a violation of the member `field`, or of a nested one such as `images/0/alt`. Names that contain `~` or `/`
    /// themselves must be escaped.
    pub fn add(&mut self, field: &str, detail: impl Into<Cow<'static, str>>) {
        self.0.push(FieldError { pointer: format!("/{field}"), detail: detail.into() });
    }

    /// Adds a violation of the body as a whole. The pointer is empty, which stands for the whole document (RFC 6901,
    /// section 5).
    pub fn add_whole(&mut self, detail: impl Into<Cow<'static, str>>) {
        self.0.push(FieldError { pointer: String::new(), detail: detail.into() });
    }

    /// Turns the collected violations into the result of a check.
    ///
    /// # Errors
    /// A 422 that names every violation, if there is any.
    pub fn into_result(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.0)) }
    }
}

/// A problem as it is sent (`application/problem+json`).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// The path of the page that explains problems with this code.
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems/not_found", format = "uri-reference")]
    pub kind: String,
    /// A short name, the same for all problems with this code.
    #[schema(example = "Not found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, for people.
    #[schema(example = "Post not found")]
    pub detail: Cow<'static, str>,
    /// What happened, for programs: a code of the list in [`problems`].
    #[schema(schema_with = describe_code)]
    pub code: &'static str,
    /// The fields that break a rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id under which the log knows this request.
    pub request_id: String,
    /// Members that only some problems have (RFC 9457, section 3.2).
    #[serde(flatten)]
    #[schema(ignore)]
    pub extensions: Option<Box<Map<String, Value>>>,
}

/// Describes the codes by the list of all problems.
fn describe_code() -> Object {
    let codes = problems::kinds().map(|kind| kind.code);
    let description = "What happened, for programs. More codes may be added, so a client falls back to `status`.";
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes));
    code.description(Some(description)).examples(["not_found"]).build()
}

impl Problem {
    /// Creates a problem without field errors.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
        request_id: String,
    ) -> Self {
        let title = problems::find(code).map_or("Error", |kind| kind.title);
        let (kind, status, detail) = (problems::type_of(code), status.as_u16(), detail.into());
        Self { kind, title, status, detail, code, errors: Vec::new(), request_id, extensions: None }
    }
}

/// Escapes a member's name as a reference token of a JSON pointer: `~` becomes `~0` and `/` becomes `~1` (RFC 6901,
/// section 3).
pub(crate) fn escape_pointer_token(name: &str) -> Cow<'_, str> {
    // `~` first, or the `~` of a new `~1` would be escaped once more.
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

/// The failure of a request: status, code and detail for the client, and a cause that only the log sees.
///
/// Most constructors take a `detail`, which is a sentence for people without a full stop, and some take a `code`, which
/// is a stable name in snake case for programs.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    /// The value of the header `Retry-After` in seconds; absent if the response has no such header.
    retry_after: Option<u64>,
    /// A header field that belongs to the status. Boxed, because it is rare and its size would count in every `Result`.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// Further members of the problem. Boxed for the same reason.
    extensions: Option<Box<Map<String, Value>>>,
    cause: Option<Arc<str>>,
}

impl ApiError {
    /// Creates a failure from a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            header: None,
            extensions: None,
            cause: None,
        }
    }

    /// Creates a 400 Bad Request.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Creates a 401 Unauthorized. Rendering adds the challenge `WWW-Authenticate: Bearer`, which RFC 6750, section 3
    /// requires.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Creates a 403 Forbidden.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Creates a 404 Not Found.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Creates a 409 Conflict.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Creates a 422 Unprocessable Content that names the fields in violation.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", "The request breaks a rule");
        error.errors = errors;
        error
    }

    /// Creates a 422 Unprocessable Content for the one top-level member `field`, whose name is escaped.
    pub fn invalid_field(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid(vec![FieldError { pointer: format!("/{}", escape_pointer_token(field)), detail: detail.into() }])
    }

    /// Creates a 415 Unsupported Media Type. The response field `header`, which is `Accept` or `Accept-Encoding`, tells
    /// what is supported instead (RFC 9110, section 15.5.16).
    pub fn unsupported(detail: impl Into<Cow<'static, str>>, header: HeaderName, supported: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
        error.header = Some(Box::new((header, HeaderValue::from_static(supported))));
        error
    }

    /// Creates a 429 Too Many Requests (RFC 6585). `retry_after` is in seconds.
    pub fn too_many(code: &'static str, detail: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        error.retry_after = Some(retry_after);
        error
    }

    /// Creates a 503 Service Unavailable with `Retry-After: 1`. It promises that nothing was stored, so any request may
    /// be repeated.
    pub fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        error.retry_after = Some(1);
        error
    }

    /// Creates a 504 Gateway Timeout with the code `outcome_unknown`: a commit was under way when its connection was
    /// lost or the time ran out, so the write may have been stored or not.
    pub fn outcome_unknown() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "outcome_unknown",
            "The request may or may not have taken effect; look before you repeat it",
        )
    }

    /// Creates a 500 Internal Server Error. The cause goes to the log only, because it may contain data of other
    /// people.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side")
            .caused_by(cause)
    }

    /// Sets the cause, which goes to the log and is never sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string().into());
        self
    }

    /// Sets a header field that belongs to the status, such as `Content-Range` to 416. A value that no header field can
    /// hold is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        // The value is computed, so it cannot be proved valid here, and an error must not fail for the sake of a
        // header.
        self.header = HeaderValue::try_from(value).ok().map(|value| Box::new((name, value)));
        self
    }

    /// Adds a member to the problem that the standard ones have no place for (RFC 9457, section 3.2).
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// Returns the HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the violations that are named in the response.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Returns the cause, which is for the log; `None` if no cause was set.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Returns the time after which another try makes sense, in seconds; `None` if the failure does not say.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Describes the failure of the request with this id.
    pub fn describe(&self, request_id: String) -> Problem {
        let mut problem = Problem::new(self.status, self.code, self.detail.clone(), request_id);
        problem.errors.clone_from(&self.errors);
        problem.extensions.clone_from(&self.extensions);
        problem
    }

    /// Builds the final response, an `application/problem+json` document with the id of the request.
    pub fn render(self, request_id: String) -> Response {
        let problem = self.describe(request_id);
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        // `axum::Json` has set `application/json`.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.header.map(|header| *header) {
            headers.insert(name, value);
        }
        // A 401 must carry a challenge (RFC 9110, section 15.5.2), whichever constructor made it.
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    /// Puts the error into the extensions of an empty response. `http::App` takes it out, logs it and renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
