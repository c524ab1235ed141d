//! The one error envelope: RFC 9457 problems.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use serde::Serialize;

use crate::db::{CommitError, Failure, Refusal};

/// A field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field, such as `/title`; empty for the whole body.
    #[schema(example = "/title")]
    pub pointer: String,
    /// The rule, as a sentence part.
    pub detail: Cow<'static, str>,
}

/// Collects what is wrong with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Notes that `field` breaks a rule.
    pub fn add(&mut self, field: &str, detail: impl Into<Cow<'static, str>>) {
        self.0.push(FieldError { pointer: format!("/{field}"), detail: detail.into() });
    }

    /// Notes that the body as a whole breaks a rule.
    pub fn add_whole(&mut self, detail: impl Into<Cow<'static, str>>) {
        self.0.push(FieldError { pointer: String::new(), detail: detail.into() });
    }

    /// Answers 422 when anything was noted.
    ///
    /// # Errors
    /// The 422, naming every field.
    pub fn into_result(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.0)) }
    }
}

/// A problem as it is sent (`application/problem+json`).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` tells the kind.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened, for people.
    pub detail: Cow<'static, str>,
    /// What happened, for programs: stable, snake case.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// The fields that break a rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id under which the log knows this request.
    pub request_id: String,
}

impl Problem {
    /// A problem without fields.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
        request_id: String,
    ) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let (status, detail) = (status.as_u16(), detail.into());
        Self { kind: "about:blank", title, status, detail, code, errors: Vec::new(), request_id }
    }
}

/// A field's name as a part of a JSON pointer (RFC 6901, section 3).
pub(crate) fn pointer_token(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

/// Any failed request: what the client is told, and the cause, which only the log sees.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    /// Boxed, since it is rare and every `Result` has room for it.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    cause: Option<Arc<str>>,
}

impl ApiError {
    /// A failure with a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), retry_after: None, header: None, cause: None }
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401 with the challenge that RFC 6750 asks for.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422 that names the fields.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields", "The request breaks a rule");
        error.errors = errors;
        error
    }

    /// 422 for one field.
    pub fn invalid_field(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid(vec![FieldError { pointer: format!("/{}", pointer_token(field)), detail: detail.into() }])
    }

    /// 415 that says what is taken instead, in a header: `Accept` or `Accept-Encoding`.
    pub fn unsupported(detail: impl Into<Cow<'static, str>>, header: HeaderName, taken: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
        error.header = Some(Box::new((header, HeaderValue::from_static(taken))));
        error
    }

    /// 429: come again after this many seconds.
    pub fn too_many(code: &'static str, detail: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        error.retry_after = Some(retry_after);
        error
    }

    /// 503: certainly nothing was stored, come again.
    pub fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        error.retry_after = Some(1);
        error
    }

    /// 504: a commit was under way when the connection or the time ran out.
    pub fn outcome_unknown() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "outcome_unknown",
            "The request may or may not have taken effect; look before you repeat it",
        )
    }

    /// 500; the cause goes to the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side")
            .caused_by(cause)
    }

    /// Adds a cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string().into());
        self
    }

    /// Adds a header field that belongs to the status.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.header = HeaderValue::try_from(value).ok().map(|value| Box::new((name, value)));
        self
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The fields that break a rule.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The cause, for the log.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The final answer. The problem layer calls it, because it knows the request id.
    pub fn render(self, request_id: String) -> Response {
        let mut problem = Problem::new(self.status, self.code, self.detail, request_id);
        problem.errors = self.errors;
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.header.map(|header| *header) {
            headers.insert(name, value);
        }
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
    /// Leaves the problem in the response's extensions; the problem layer renders it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        let (code, text) = match Failure::of(&error) {
            Failure::Refused(Refusal::DiskFull) | Failure::DiskFull => {
                ("disk_full", "The disk is full, nothing was stored")
            }
            Failure::Refused(Refusal::Damaged(_)) | Failure::Damaged => {
                ("database_damaged", "The database is damaged, nothing was stored; the operator has to restore it")
            }
            Failure::Refused(Refusal::Unexamined) | Failure::ReadOnly | Failure::Passing => {
                ("database_unavailable", "The database is not available, nothing was stored")
            }
            Failure::Data | Failure::Other => return Self::internal(error),
        };
        Self::unavailable(code, text).caused_by(error)
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error.into(),
            CommitError::Unknown(error) => Self::outcome_unknown().caused_by(error),
        }
    }
}
