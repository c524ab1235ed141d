//! Checks of every route of a router, whatever it does: rules of HTTP (RFC 9110), and whether the parts of a request
//! are required or optional as the description says.
//!
//! No service has to write such tests for its own routes, and a new route is checked as soon as it is described.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use axum::response::Response;
use serde_json::Value;

use super::api::{Api, Operation};
use crate::event_stream::read_body;

/// A router, or something that answers requests as one does.
pub trait Answers {
    /// Answers one request.
    fn answer(&self, request: Request<Body>) -> impl Future<Output = Response>;
}

impl Answers for shared::http::App {
    fn answer(&self, request: Request<Body>) -> impl Future<Output = Response> {
        Self::answer(self, request)
    }
}

/// An answer with its whole body.
struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn send(app: &impl Answers, request: axum::http::request::Builder, body: &str) -> Received {
    let (parts, bytes) = app.answer(request.body(Body::from(body.to_owned())).expect("a request")).await.into_parts();
    let body = read_body(&parts.headers, bytes).await;
    Received { status: parts.status.as_u16(), headers: parts.headers, body }
}

impl Received {
    /// Asserts that this is a problem document with this status.
    #[track_caller]
    fn is_problem(&self, status: u16, what: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{what}: {text}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{what}");
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["status"], status, "{what}: {text}");
    }

    /// Returns the members of a header that is a list.
    fn list(&self, name: header::HeaderName) -> BTreeSet<String> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    }
}

/// Asserts that every path answers as HTTP wants it where the description is silent: methods that the path does not
/// have (405), OPTIONS, HEAD, content codings (415), expectations (417), and paths that are too long (414).
pub async fn check_generic(api: &Api, app: &impl Answers) {
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in api.operations() {
        let methods = paths.entry(operation.path()).or_default();
        methods.insert(operation.method.to_string());
        if operation.method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
    }
    // Every service has these paths besides the described ones.
    let documents =
        ["/docs/", "/docs", "/docs/swagger-ui.css", "/docs/problems", "/docs/problems/busy", "/openapi.json"];
    for path in ["/livez", "/readyz"].into_iter().chain(documents) {
        paths.insert(path.to_owned(), ["GET", "HEAD"].map(str::to_owned).into());
    }
    for (path, mut methods) in paths {
        methods.insert("OPTIONS".to_owned());
        let request = |method: &str| Request::builder().method(method).uri(&path);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE", "QUERY"] {
            if methods.contains(method) {
                continue;
            }
            let what = format!("{method} {path}");
            let received = send(app, request(method), "").await;
            if method == "HEAD" {
                assert_eq!((received.status, received.body.len()), (405, 0), "{what}");
            } else {
                received.is_problem(405, &what);
            }
            assert_eq!(received.list(header::ALLOW), methods, "{what}: Allow");
        }
        let received = send(app, request("OPTIONS"), "").await;
        assert_eq!((received.status, received.body.len()), (204, 0), "OPTIONS {path}");
        assert_eq!(received.list(header::ALLOW), methods, "OPTIONS {path}: Allow");
        for method in methods.iter().filter(|method| *method != "HEAD" && *method != "OPTIONS") {
            let what = format!("{method} {path}");
            let coded = request(method).header("content-encoding", "snappy").header("content-type", "application/json");
            let received = send(app, coded, "x").await;
            received.is_problem(415, &format!("{what} with an unknown coding"));
            assert!(!received.list(header::ACCEPT_ENCODING).is_empty(), "{what}: Accept-Encoding");
            // `identity` means no coding. A media type that is not taken gets 415 as well, but without this header.
            let received = send(app, request(method).header("content-encoding", "identity"), "").await;
            assert!(received.list(header::ACCEPT_ENCODING).is_empty(), "{what} with the coding that is none");
            send(app, request(method).header("expect", "a-miracle"), "").await.is_problem(417, &what);
            let long = Request::builder().method(method.as_str()).uri(format!("{path}?x={}", "a".repeat(2_048)));
            send(app, long, "").await.is_problem(414, &what);
        }
        // HEAD looks at a verification link without using it, so it may answer differently from GET.
        if methods.contains("GET") && !path.starts_with("/auth/verify/") {
            check_head(app, &path).await;
        }
    }
    let received = send(app, Request::builder().method("OPTIONS").uri("*"), "").await;
    assert!(received.status == 204 && received.list(header::ALLOW).contains("GET"), "OPTIONS *");
}

/// Asserts that HEAD gets the same status and the same headers as GET but no body, with and without compression.
async fn check_head(app: &impl Answers, path: &str) {
    for accepted in ["identity", "gzip"] {
        let request = |method: &str| Request::builder().method(method).uri(path).header("accept-encoding", accepted);
        let (received, head) = (send(app, request("GET"), "").await, send(app, request("HEAD"), "").await);
        assert_eq!((received.status, 0), (head.status, head.body.len()), "HEAD {path}");
        let same = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            // The request id differs in each request. The length may be missing for HEAD, and is compared below.
            for name in ["x-request-id", "content-length"] {
                headers.remove(name);
            }
            headers
        };
        assert_eq!(same(&received.headers), same(&head.headers), "HEAD {path}");
        if let Some(length) = head.headers.get(header::CONTENT_LENGTH) {
            assert_eq!(length, &received.body.len().to_string(), "HEAD {path}");
        }
    }
}

/// Asserts for every operation that parts described as optional may be missing, and that parts described as required
/// may not: bodies, query parameters, headers. Values of query parameters that the description rules out must be
/// refused, too.
///
/// `token` is an admin's access token. `one_of` names the operations that need one of several optional query
/// parameters, which a description cannot say.
pub async fn check_optional(api: &Api, app: &impl Answers, token: &str, one_of: &[&str]) {
    for operation in api.operations() {
        let name = operation.name();
        let query = required_query(&operation, None);
        let path = |query: &[(String, String)]| {
            let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if pairs.is_empty() { operation.path() } else { format!("{}?{}", operation.path(), pairs.join("&")) }
        };
        let request = |path: String| {
            let request = Request::builder().method(operation.method.clone()).uri(path);
            request.header("authorization", format!("Bearer {token}"))
        };
        let media_type = operation.body.as_ref().map_or("application/json", |(media_type, _)| media_type.as_str());
        let required = operation.body.as_ref().is_some_and(|(_, required)| *required);
        let empty = send(app, request(path(&query)).header("content-type", media_type), "").await;
        let missing = send(app, request(path(&query)), "").await;
        for (received, how) in [(empty, "nothing in its body"), (missing, "no body")] {
            let refused = matches!(received.status, 400 | 413 | 415 | 422);
            // An admin may be refused before the body is read (401, 403). And a rule may want one of several
            // parameters.
            let wrong = if required {
                !refused && !matches!(received.status, 401 | 403)
            } else {
                matches!(received.status, 400 | 415) && !one_of.contains(&&*name)
            };
            let text = String::from_utf8_lossy(&received.body);
            assert!(
                !wrong,
                "{name} with {how}, which is described as required: {required}: {} {text}",
                received.status
            );
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter.location == "query") {
            for value in &parameter.invalid_values {
                let mut query = required_query(&operation, Some(&parameter.name));
                query.push((parameter.name.clone(), value.clone()));
                let received = send(app, request(path(&query)).header("content-type", media_type), "").await;
                // 401 and 403 may come before parameters are read.
                let refused = matches!(received.status, 400 | 401 | 403 | 422);
                assert!(
                    refused,
                    "{name} takes {}={value}, against its description: {}",
                    parameter.name, received.status
                );
            }
            let without = required_query(&operation, Some(&parameter.name));
            let received = send(app, request(path(&without)).header("content-type", media_type), "").await;
            let refused = matches!(received.status, 400 | 422) && !required;
            assert!(
                refused == parameter.required || required || one_of.contains(&&*name),
                "{name} without {}, which is described as required: {}: {}",
                parameter.name,
                parameter.required,
                received.status
            );
        }
        assert!(
            operation.parameters.iter().all(|one| one.location != "header" || !one.required),
            "{name} wants a header"
        );
        // A key with a space is invalid, so an operation that reads the header complains about it.
        let keyed = operation.parameters.iter().any(|parameter| parameter.name == "Idempotency-Key");
        let received =
            send(app, request(path(&query)).header("idempotency-key", "a b").header("content-type", media_type), "")
                .await;
        let read = String::from_utf8_lossy(&received.body).contains("bad_idempotency_key");
        assert_eq!(read, keyed, "{name} reads Idempotency-Key: {read}, described: {keyed}");
    }
}

/// Returns the required query parameters of an operation except one, each with the value 1.
fn required_query(operation: &Operation, without: Option<&str>) -> Vec<(String, String)> {
    let query = operation.parameters.iter().filter(|one| one.location == "query" && one.required);
    query.filter(|one| Some(one.name.as_str()) != without).map(|one| (one.name.clone(), "1".to_owned())).collect()
}
