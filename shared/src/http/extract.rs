//! Extractors that answer with problems: path, query and JSON bodies.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Visitor};
use tokio::time::timeout;

use crate::error::{ApiError, FieldError, FieldErrors};
use crate::ids::IdVisitor;

/// How long a body may take to arrive: less than the request as a whole.
const BODY: Duration = Duration::from_secs(12);
/// The largest JSON body, in bytes.
const MAX_JSON: usize = 64 * 1024;

/// Path parameters. A part that does not parse is a 400; an integer out of range reads as an id that nobody has.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| ApiError::bad_request("bad_path", format!("The path is not valid: {rejection}")))
    }
}

/// Query parameters; what is not asked for is ignored, what does not parse is a 400.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        if percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8().is_err() {
            return Err(ApiError::bad_request("bad_query", "The query is not valid UTF-8"));
        }
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(value)| Self(value)).map_err(
            |rejection| {
                ApiError::bad_request("bad_query", format!("The query is not valid: {}", rejection.body_text()))
            },
        )
    }
}

/// Reads `1,2,3`: 1 to 100 ids in a query parameter.
///
/// # Errors
/// 400 for what is no id, 422 for none or too many.
pub fn read_ids<T>(field: &str, text: &str, id: impl Fn(i64) -> T) -> Result<Vec<T>, ApiError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let ids: Result<Vec<i64>, serde::de::value::Error> = parts.map(|part| IdVisitor.visit_str(part)).collect();
    let ids = ids.map_err(|error| ApiError::bad_request("bad_query", format!("{field}: {error}")))?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(ApiError::invalid_field(field, "must have 1 to 100 ids"));
    }
    Ok(ids.into_iter().map(id).collect())
}

/// A body that knows its rules.
pub trait Validate {
    /// Notes every field that breaks a rule.
    fn validate(&self, errors: &mut FieldErrors);
}

/// A JSON body of at most 64 KiB that keeps its rules: 400 for what is not JSON, 413, 415, and 422 that names the fields.
#[derive(Clone, Debug)]
pub struct ValidJson<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for ValidJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        read_json(&parts.headers, body).await.map(Self)
    }
}

/// Waits for a body, but not for ever: nothing was done yet, so the answer is a plain 408.
///
/// # Errors
/// 408.
pub async fn arrive<T>(body: impl Future<Output = T>) -> Result<T, ApiError> {
    timeout(BODY, body).await.map_err(|_elapsed| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request did not arrive in time")
    })
}

/// Reads and checks a JSON body, as [`ValidJson`] does.
///
/// # Errors
/// As [`ValidJson`].
pub async fn read_json<T: DeserializeOwned + Validate>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be application/json",
        ));
    }
    let too_large =
        || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "A JSON body may have at most 64 KiB");
    if axum::body::HttpBody::size_hint(&body).lower() > MAX_JSON as u64 {
        return Err(too_large());
    }
    let bytes = arrive(to_bytes(body, MAX_JSON)).await?.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>()) {
            too_large()
        } else {
            ApiError::bad_request("bad_body", "The body could not be read")
        }
    })?;
    let value: T = parse(&bytes)?;
    let mut errors = FieldErrors::default();
    value.validate(&mut errors);
    errors.into_result()?;
    Ok(value)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let cause = error.inner();
        if !cause.is_data() {
            return ApiError::bad_request("bad_json", format!("The body is not valid JSON: {cause}"));
        }
        let message = cause.to_string();
        let detail = message.split(" at line ").next().unwrap_or_default().to_owned();
        // A missing or unknown field is reported at its parent; the message names the field in backticks.
        let named = (detail.starts_with("missing field") || detail.starts_with("unknown field"))
            .then(|| detail.split('`').nth(1))
            .flatten();
        let path = error.path().to_string();
        let pointer = match (path.as_str(), named) {
            (".", None) => String::new(),
            (".", Some(field)) => format!("/{field}"),
            (path, _) => format!("/{}", path.replace('.', "/")),
        };
        ApiError::invalid(vec![FieldError { pointer, detail: detail.into() }])
    })?;
    reader.end().map_err(|error| ApiError::bad_request("bad_json", format!("The body is not valid JSON: {error}")))?;
    // Serde also reads a struct from an array of its fields; the contract knows objects only.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::invalid(vec![FieldError {
            pointer: String::new(),
            detail: "must be a JSON object".into(),
        }]));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct In {
        #[expect(dead_code, reason = "only parsed")]
        title: String,
    }

    #[test]
    fn json_errors_are_told_apart() {
        let status = |body: &str| parse::<In>(body.as_bytes()).map_err(|error| error.status().as_u16()).err();
        assert_eq!(status("{\"title\":\"x\"}"), None);
        for broken in ["", "{", "{\"title\":\"x\"} x", "nope"] {
            assert_eq!(status(broken), Some(400), "{broken}");
        }
        for wrong in ["[]", "[\"x\"]", "{}", "{\"title\":1}", "{\"title\":\"x\",\"more\":1}", "null"] {
            assert_eq!(status(wrong), Some(422), "{wrong}");
        }
        assert_eq!(parse::<In>(&[b'"', 0xff, b'"']).map_err(|error| error.status().as_u16()).err(), Some(400));
    }
}
