//! Extractors for path, query and JSON bodies. axum's own extractors reject a request with plain text about Rust types;
//! these reject it with a problem that names the field and the broken rule.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeOwned, Visitor};
use tokio::time::timeout;
use url::form_urlencoded;

use super::serde_messages;
use crate::error::{ApiError, FieldError, FieldErrors};
use crate::ids::IdVisitor;

/// The time limit for a body to arrive. It is shorter than that of the request, so that a slow body is answered 408,
/// which is safe to repeat, and not 504.
const BODY_TIMEOUT: Duration = Duration::from_secs(12);
/// The largest JSON body, in bytes.
const MAX_JSON: usize = 64 * 1024;
/// U+FEFF in UTF-8, which some editors and shells write at the start of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Path parameters. 400 for a part that does not parse. An integer out of range is read as an id that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|rejection| {
            let rule = match rejection {
                PathRejection::FailedToDeserializePathParams(error) => match error.into_kind() {
                    ErrorKind::DeserializeError { message, .. } | ErrorKind::Message(message) => {
                        serde_messages::translate(&message).0
                    }
                    ErrorKind::InvalidUtf8InPathParam { .. } => "must be UTF-8".into(),
                    _ => "must be an integer".into(),
                },
                _ => "has too few parts".into(),
            };
            ApiError::bad_request("bad_path", format!("The path is not valid: a part of it {rule}"))
        })
    }
}

/// Query parameters. Unknown ones are ignored. 400 for one that does not parse.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(ApiError::bad_request("bad_query", "The query is not valid UTF-8"));
        }
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let FieldError { pointer, detail } = serde_messages::field_error(error.path(), &error.inner().to_string());
            let name = pointer.trim_start_matches('/');
            ApiError::bad_request("bad_query", format!("The query is not valid: {name} {detail}"))
        })
    }
}

/// Reads 1 to 100 ids from the query parameter `field`, written as `1,2,3`.
///
/// # Errors
/// 400 when a part is not an id, 422 when there is no id or there are more than 100.
pub fn read_ids<T>(field: &str, text: &str, id: impl Fn(i64) -> T) -> Result<Vec<T>, ApiError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let ids: Result<Vec<i64>, serde::de::value::Error> = parts.map(|part| IdVisitor.visit_str(part)).collect();
    let ids = ids.map_err(|_error| {
        ApiError::bad_request("bad_query", format!("The query is not valid: {field} must be integer ids with commas"))
    })?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(ApiError::invalid_field(field, "must have 1 to 100 ids"));
    }
    Ok(ids.into_iter().map(id).collect())
}

/// A body with rules beyond the types of its fields.
pub trait Validate {
    /// Adds every field that breaks a rule to `errors`.
    fn validate(&self, errors: &mut FieldErrors);
}

/// A valid JSON body of at most 64 KiB. 400 for a body that is not JSON, 408 for one that does not arrive in time, 413
/// for a larger one, 415 for another content type, and 422, which names the fields, for one that breaks a rule.
#[derive(Clone, Debug)]
pub struct ValidJson<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for ValidJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        read_json(&parts.headers, body).await.map(Self)
    }
}

/// A JSON body that may be missing. An empty body counts as missing, whatever its content type. Any other body is read
/// as by [`ValidJson`].
#[derive(Clone, Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read_bytes(body).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        check_type(&parts.headers)?;
        parse_valid(&bytes).map(|value| Self(Some(value)))
    }
}

/// Waits for a body to arrive, for 12 s at most.
///
/// # Errors
/// 408: nothing has been done yet, so the client can repeat the request.
pub async fn within_body_timeout<T>(body: impl Future<Output = T>) -> Result<T, ApiError> {
    timeout(BODY_TIMEOUT, body).await.map_err(|_elapsed| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request did not arrive in time")
    })
}

/// Reads and validates a JSON body as [`ValidJson`] does, for handlers that choose by the content type.
///
/// # Errors
/// The same as those of [`ValidJson`].
pub async fn read_json<T: DeserializeOwned + Validate>(headers: &HeaderMap, body: Body) -> Result<T, ApiError> {
    check_type(headers)?;
    parse_valid(&read_bytes(body).await?)
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    if is_json(headers) {
        return Ok(());
    }
    Err(ApiError::unsupported("The body must be application/json", header::ACCEPT, "application/json"))
}

/// Returns whether the content type is JSON, plain or of a kind such as `application/merge-patch+json`.
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read_bytes(body: Body) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "A JSON body may have at most 64 KiB");
    if axum::body::HttpBody::size_hint(&body).lower() > MAX_JSON as u64 {
        return Err(too_large());
    }
    within_body_timeout(to_bytes(body, MAX_JSON)).await?.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>()) {
            too_large()
        } else {
            ApiError::bad_request("bad_body", "The body could not be read")
        }
    })
}

fn parse_valid<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T, ApiError> {
    let value: T = parse(bytes)?;
    let mut errors = FieldErrors::default();
    value.validate(&mut errors);
    errors.into_result()?;
    Ok(value)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A byte order mark is not part of JSON, but a parser may ignore it (RFC 8259, section 8.1).
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let not_json = |error: &serde_json::Error| {
        let text = match std::str::from_utf8(bytes) {
            Err(_invalid) => "The body is not valid UTF-8".to_owned(),
            Ok(text) if text.trim_ascii().is_empty() => "The body is empty, and must be a JSON object".to_owned(),
            Ok(_) if error.is_eof() => "The body ends before its JSON is complete".to_owned(),
            // The message of serde_json is left out: it describes the state of its parser, which does not help a
            // client.
            Ok(_) => format!("The body is not valid JSON at line {}, column {}", error.line(), error.column()),
        };
        ApiError::bad_request("bad_json", text)
    };
    // serde also reads a struct from an array of its fields, but the API promises objects only.
    let is_array = bytes.trim_ascii_start().first() == Some(&b'[');
    let no_object = || {
        let detail = "must be an object, not an array".into();
        ApiError::invalid(vec![FieldError { pointer: String::new(), detail }])
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let cause = error.inner();
        if !cause.is_data() {
            return not_json(cause);
        }
        if is_array {
            return no_object();
        }
        ApiError::invalid(vec![serde_messages::field_error(error.path(), &cause.to_string())])
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    if is_array { Err(no_object()) } else { Ok(value) }
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
        for (broken, words) in [
            ("", "The body is empty, and must be a JSON object"),
            ("{\"title\":", "The body ends before its JSON is complete"),
            ("nope", "The body is not valid JSON at line 1, column 2"),
            ("{\n  title: 1}", "The body is not valid JSON at line 2, column 3"),
            ("{\"title\":\"x\"} x", "The body is not valid JSON at line 1, column 15"),
        ] {
            let said = parse::<In>(broken.as_bytes()).map_err(|error| error.to_string()).err().unwrap();
            assert!(said.ends_with(words), "{said}");
        }
        assert_eq!(status("\u{feff}{\"title\":\"x\"}"), None);
        assert_eq!(parse::<In>(&[b'"', 0xff, b'"']).map_err(|error| error.status().as_u16()).err(), Some(400));
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Outer {
        inner: Option<In>,
        #[serde(default)]
        many: Vec<In>,
        #[serde(default)]
        count: u32,
    }

    #[test]
    fn a_complaint_about_json_points_at_its_place_in_words_of_json() {
        for (body, pointer, detail) in [
            ("[1]", "", "must be an object, not an array"),
            ("null", "", "must be an object, not null"),
            ("\"x\"", "", "must be an object, not a string"),
            ("{\"count\":-1}", "/count", "must be a whole number, 0 or more"),
            ("{\"count\":1.5}", "/count", "must be a whole number, 0 or more, not a fraction"),
            ("{\"count\":\"1\"}", "/count", "must be a whole number, 0 or more, not a string"),
            ("{\"more\":1}", "/more", "is not known here; known: inner, many, count"),
            ("{\"a/b~\":1}", "/a~1b~0", "is not known here; known: inner, many, count"),
            ("{\"count\":1,\"count\":2}", "/count", "is given twice"),
            ("{\"inner\":{}}", "/inner/title", "is missing"),
            ("{\"inner\":{\"title\":\"x\",\"x\":1}}", "/inner/x", "is not known here; known: title"),
            ("{\"inner\":7}", "/inner", "must be an object, not a number"),
            ("{\"many\":{}}", "/many", "must be an array, not an object"),
            ("{\"many\":[{\"title\":\"x\"},{\"title\":true}]}", "/many/1/title", "must be a string, not a boolean"),
            ("{\"many\":[{}]}", "/many/0/title", "is missing"),
        ] {
            let error = serde_json::to_value(&parse::<Outer>(body.as_bytes()).unwrap_err().errors()[0]).unwrap();
            assert_eq!(error, serde_json::json!({ "pointer": pointer, "detail": detail }), "{body}");
        }
    }
}
