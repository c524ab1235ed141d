//! The client of the public API: one request for each call, in the name of the visitor.
//!
//! Each file has the calls of one service with the answers as they are described in `openapi.json`. Answers have only
//! the members that pages show.

mod accounts;
mod desk;
mod live;
mod people;
mod posts;
mod recommendations;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::http::{PeerError, Peers};

pub(crate) use accounts::*;
pub(crate) use desk::*;
pub(crate) use people::*;
pub(crate) use posts::*;
pub(crate) use recommendations::*;

use crate::error::{Error, Refusal};

/// The limit for an answer that changes nothing. A page asks several times within the limit of its own.
const READ_LIMIT: Duration = Duration::from_secs(4);
/// The limit for an answer to a write, which services limit by themselves.
const WRITE_LIMIT: Duration = Duration::from_secs(13);
/// The path that renews a session, before each page whose token ends.
const RENEWAL: &str = "/auth/refresh";
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// The positions of the API's copies that the visitor has already seen (docs/adr/0044).
const POSITION: HeaderName = HeaderName::from_static("chatty-position");
/// The key that makes a write count once, however often it is sent.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The API as one visitor calls it.
pub(crate) struct Api {
    peers: Peers,
    /// The headers of every call.
    headers: HeaderMap,
    has_token: bool,
    /// The calls so far, such as `GET /feed`.
    calls: Mutex<Vec<String>>,
    /// The positions that writes have answered.
    positions: Mutex<Vec<String>>,
}

/// The body of a call.
pub(crate) enum Sent {
    /// No body.
    Nothing,
    /// A JSON value.
    Json(Value),
    /// A form with a file, as it came, with its content type.
    Form(HeaderValue, Bytes),
}

impl Api {
    /// Creates the client. `headers` name the visitor's address and program, and the request.
    pub(crate) fn new(peers: Peers, mut headers: HeaderMap, token: Option<&str>, seen: Option<&str>) -> Self {
        let bearer = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let has_token = bearer.is_some();
        headers.extend(bearer.map(|bearer| (header::AUTHORIZATION, bearer)));
        if let Some(seen) = seen.filter(|_| has_token).and_then(|seen| HeaderValue::try_from(seen).ok()) {
            headers.insert(POSITION, seen);
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self { peers, headers, has_token, calls: Mutex::default(), positions: Mutex::default() }
    }

    /// Returns whether calls are made in somebody's name.
    pub(crate) fn has_token(&self) -> bool {
        self.has_token
    }

    /// Lists the calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        lock(&self.calls).clone()
    }

    /// Lists the positions that writes have answered, as the header of later calls; `None` if nothing was written.
    pub(crate) fn positions(&self) -> Option<String> {
        let positions = lock(&self.positions);
        (!positions.is_empty()).then(|| positions.join(", "))
    }

    /// Gets an answer.
    pub(super) async fn get<T: DeserializeOwned>(&self, service: &'static str, path: &str) -> Result<T, Error> {
        self.call(service, Method::GET, path, Sent::Nothing, None).await
    }

    /// Sends a call without a body.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        service: &'static str,
        method: Method,
        path: &str,
    ) -> Result<T, Error> {
        self.call(service, method, path, Sent::Nothing, None).await
    }

    /// Sends a call, and reads its answer. An answer without a body is read as JSON `null`.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        service: &'static str,
        method: Method,
        path: &str,
        sent: Sent,
        key: Option<&str>,
    ) -> Result<T, Error> {
        lock(&self.calls).push(format!("{method} {path}"));
        let mut headers = self.headers.clone();
        let key = key.map(|key| if is_key(key) { key.to_owned() } else { new_key() });
        headers.extend(key.and_then(|key| Some((KEY, HeaderValue::try_from(key).ok()?))));
        let body = match sent {
            Sent::Nothing => Bytes::new(),
            Sent::Json(value) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Bytes::from(value.to_string())
            }
            Sent::Form(content_type, body) => {
                headers.insert(header::CONTENT_TYPE, content_type);
                body
            }
        };
        let limit = if method == Method::GET || path == RENEWAL { READ_LIMIT } else { WRITE_LIMIT };
        let mut again = (method.clone(), headers.clone(), body.clone());
        let asked = self.peers.send(service, request(method, path, headers, body)?);
        let mut answer = within(limit, service, asked).await?;
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY && again.1.contains_key(KEY) {
            let refused = refusal(answer).await;
            if !refused.has_code("idempotency_key_reused") {
                return Err(refused);
            }
            // The form was sent before with other words, by a visitor who went back to it: this is another write.
            again
                .1
                .insert(KEY, HeaderValue::try_from(new_key()).map_err(|error| Error::Unreadable(error.to_string()))?);
            let (method, headers, body) = again;
            answer = within(limit, service, self.peers.send(service, request(method, path, headers, body)?)).await?;
        }
        let positions = answer.headers().get(&POSITION).and_then(|value| value.to_str().ok());
        lock(&self.positions).extend(positions.map(str::to_owned));
        read(service, answer).await
    }

    /// Opens an answer that has no end.
    pub(super) async fn open(&self, service: &'static str, path: &str, more: HeaderMap) -> Result<Response, Error> {
        let mut headers = self.headers.clone();
        headers.extend(more);
        let answer = self.peers.open(service, request(Method::GET, path, headers, Bytes::new())?).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for an answer. A service that does not give one in time counts as one that is away.
async fn within(
    limit: Duration,
    service: &'static str,
    asked: impl Future<Output = Result<Response, PeerError>>,
) -> Result<Response, Error> {
    let late = || PeerError::Unreachable(service, format!("no answer within {} s", limit.as_secs()));
    Ok(tokio::time::timeout(limit, asked).await.unwrap_or_else(|_elapsed| Err(late()))?)
}

/// Returns whether a text can be the key of a form.
pub(crate) fn is_key(key: &str) -> bool {
    key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Makes a new key for a form.
pub(crate) fn new_key() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Builds a request. A part of the path that consists of dots, however it is encoded, would lead to another path of the
/// API (WHATWG URL, "double-dot URL path segment"), and so names nothing.
fn request(method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Request<Bytes>, Error> {
    let way = path.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    if way.split('/').any(|part| part == "." || part == "..") {
        return Err(Error::not_found());
    }
    let request = Request::builder().method(method).uri(path).body(body);
    // A path of the visitor's own that no URI can hold names nothing.
    let mut request = request.map_err(|_not_a_path| Error::not_found())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Reads an answer, or the reason of a refusal.
async fn read<T: DeserializeOwned>(service: &'static str, answer: Response) -> Result<T, Error> {
    if !answer.status().is_success() {
        return Err(refusal(answer).await);
    }
    let body = to_bytes(answer.into_body(), MAX_ANSWER).await;
    let body = body.map_err(|error| Error::Unreadable(format!("{service} broke off: {error}")))?;
    let json = if body.is_empty() { b"null".as_slice() } else { &body };
    serde_json::from_slice(json).map_err(|error| Error::Unreadable(format!("an answer of {service}: {error}")))
}

async fn refusal(answer: Response) -> Error {
    let status = answer.status();
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = to_bytes(answer.into_body(), MAX_ANSWER).await.unwrap_or_default();
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(problem) => Error::Refused(Box::new(Refusal { status, retry_after, ..problem })),
        Err(_) => Error::Unreadable(format!("a service answers {status} without a problem")),
    }
}

/// The signs that stand for themselves in any part of an address: the unreserved ones of RFC 3986, section 2.3, without
/// the dot.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// Encodes a text as a part of a path or a value of a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &ENCODED).to_string()
}

/// Builds the query of a list: the number of entries, and the place where it goes on.
fn page_of(limit: u32, cursor: Option<&str>) -> String {
    match cursor {
        None => format!("limit={limit}"),
        Some(cursor) => format!("limit={limit}&cursor={}", encode(cursor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dots_name_nothing() {
        let asked = |path: &str| request(Method::GET, path, HeaderMap::new(), Bytes::new()).is_ok();
        assert!(asked("/auth/links/a.b") && asked("/users?username=.."));
        for path in ["/auth/verify/..", "/auth/verify/%2E%2e", "/auth/verify/.%2e/reject", "/auth/verify/%2e"] {
            assert!(!asked(path), "{path}");
        }
    }

    #[test]
    fn texts_of_visitors_stay_within_their_part_of_a_path() {
        assert_eq!(encode("a/b?c=1&d#é ..-_"), "a%2Fb%3Fc%3D1%26d%23%C3%A9%20%2E%2E-_");
        assert_eq!(page_of(20, Some("a=&b")), "limit=20&cursor=a%3D%26b");
    }
}
