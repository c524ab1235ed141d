//! What RFC 9110 asks of every route, and what the description says of everything optional, asked of the real router.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;

use super::api::{Api, Operation};

/// Answers requests as the router does.
pub trait Answers {
    /// The answer to one request.
    fn answer(&self, request: Request<Body>) -> impl Future<Output = Response>;
}

impl Answers for shared::http::App {
    fn answer(&self, request: Request<Body>) -> impl Future<Output = Response> {
        Self::answer(self, request)
    }
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(app: &impl Answers, request: axum::http::request::Builder, body: &str) -> Got {
    let (parts, bytes) = app.answer(request.body(Body::from(body.to_owned())).expect("a request")).await.into_parts();
    let body = bytes.collect().await.expect("a body").to_bytes().to_vec();
    Got { status: parts.status.as_u16(), headers: parts.headers, body }
}

impl Got {
    /// Fails unless this is a problem with this status.
    #[track_caller]
    fn is_problem(&self, status: u16, what: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{what}: {text}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{what}");
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["status"], status, "{what}: {text}");
    }

    fn list(&self, name: header::HeaderName) -> BTreeSet<String> {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    }
}

/// Fails unless every path answers what is not described for it as HTTP wants it: other methods, OPTIONS, HEAD, codings,
/// expectations, and paths that are too long.
pub async fn check_generic(api: &Api, app: &impl Answers) {
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in api.operations() {
        let methods = paths.entry(operation.path()).or_default();
        methods.insert(operation.method.to_string());
        if operation.method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
    }
    for path in ["/livez", "/readyz", "/docs/", "/docs", "/docs/swagger-ui.css", "/openapi.json"] {
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
            let got = ask(app, request(method), "").await;
            if method == "HEAD" {
                assert_eq!((got.status, got.body.len()), (405, 0), "{what}");
            } else {
                got.is_problem(405, &what);
            }
            assert_eq!(got.list(header::ALLOW), methods, "{what}: Allow");
        }
        let got = ask(app, request("OPTIONS"), "").await;
        assert_eq!((got.status, got.body.len()), (204, 0), "OPTIONS {path}");
        assert_eq!(got.list(header::ALLOW), methods, "OPTIONS {path}: Allow");
        for method in methods.iter().filter(|method| *method != "HEAD" && *method != "OPTIONS") {
            let what = format!("{method} {path}");
            let coded = request(method).header("content-encoding", "snappy").header("content-type", "application/json");
            let got = ask(app, coded, "x").await;
            got.is_problem(415, &format!("{what} with an unknown coding"));
            assert!(!got.list(header::ACCEPT_ENCODING).is_empty(), "{what}: Accept-Encoding");
            // A type that is not taken is 415 as well, but says so in another header.
            let got = ask(app, request(method).header("content-encoding", "identity"), "").await;
            assert!(got.list(header::ACCEPT_ENCODING).is_empty(), "{what} with the coding that is none");
            ask(app, request(method).header("expect", "a-miracle"), "").await.is_problem(417, &what);
            let long = Request::builder().method(method.as_str()).uri(format!("{path}?x={}", "a".repeat(2_048)));
            ask(app, long, "").await.is_problem(414, &what);
        }
        // DESIGN has HEAD look at a verification link without using it.
        if methods.contains("GET") && !path.starts_with("/auth/verify/") {
            check_head(app, &path).await;
        }
    }
    let got = ask(app, Request::builder().method("OPTIONS").uri("*"), "").await;
    assert!(got.status == 204 && got.list(header::ALLOW).contains("GET"), "OPTIONS *");
}

/// HEAD is answered as GET is, without a body.
async fn check_head(app: &impl Answers, path: &str) {
    for accepted in ["identity", "gzip"] {
        let request = |method: &str| Request::builder().method(method).uri(path).header("accept-encoding", accepted);
        let (got, head) = (ask(app, request("GET"), "").await, ask(app, request("HEAD"), "").await);
        assert_eq!((got.status, 0), (head.status, head.body.len()), "HEAD {path}");
        let same = |headers: &HeaderMap| {
            let mut headers = headers.clone();
            for own in ["x-request-id", "content-length"] {
                headers.remove(own);
            }
            headers
        };
        assert_eq!(same(&got.headers), same(&head.headers), "HEAD {path}");
        if let Some(length) = head.headers.get(header::CONTENT_LENGTH) {
            assert_eq!(length, &got.body.len().to_string(), "HEAD {path}");
        }
    }
}

/// Fails unless what is described as optional may be missing, and what is described as required may not, in every operation:
/// bodies, query parameters, headers. Values of query parameters that the description rules out must be refused, too. `token`
/// is an admin's; `one_of` names the operations that need one of several optional query parameters, which a description
/// cannot say.
pub async fn check_optional(api: &Api, app: &impl Answers, token: &str, one_of: &[&str]) {
    for operation in api.operations() {
        let name = operation.name();
        let query = filled(&operation, None);
        let path = |query: &[(String, String)]| {
            let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if pairs.is_empty() { operation.path() } else { format!("{}?{}", operation.path(), pairs.join("&")) }
        };
        let request = |path: String| {
            let request = Request::builder().method(operation.method.clone()).uri(path);
            request.header("authorization", format!("Bearer {token}"))
        };
        let kind = operation.body.as_ref().map_or("application/json", |(kind, _)| kind.as_str());
        let required = operation.body.as_ref().is_some_and(|(_, required)| *required);
        let empty = ask(app, request(path(&query)).header("content-type", kind), "").await;
        let missing = ask(app, request(path(&query)), "").await;
        for (got, how) in [(empty, "nothing in its body"), (missing, "no body")] {
            let refused = matches!(got.status, 400 | 413 | 415 | 422);
            // Who asks may be refused before the body is looked at; a rule may want one of several parameters.
            let wrong = if required {
                !refused && !matches!(got.status, 401 | 403)
            } else {
                matches!(got.status, 400 | 415) && !one_of.contains(&&*name)
            };
            let text = String::from_utf8_lossy(&got.body);
            assert!(!wrong, "{name} with {how}, which is described as required: {required}: {} {text}", got.status);
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter.place == "query") {
            for value in &parameter.outside {
                let mut query = filled(&operation, Some(&parameter.name));
                query.push((parameter.name.clone(), value.clone()));
                let got = ask(app, request(path(&query)).header("content-type", kind), "").await;
                // Who asks may be refused before that.
                let refused = matches!(got.status, 400 | 401 | 403 | 422);
                assert!(refused, "{name} takes {}={value}, against its description: {}", parameter.name, got.status);
            }
            let without = filled(&operation, Some(&parameter.name));
            let got = ask(app, request(path(&without)).header("content-type", kind), "").await;
            let refused = matches!(got.status, 400 | 422) && !required;
            assert!(
                refused == parameter.required || required || one_of.contains(&&*name),
                "{name} without {}, which is described as required: {}: {}",
                parameter.name,
                parameter.required,
                got.status
            );
        }
        assert!(operation.parameters.iter().all(|one| one.place != "header" || !one.required), "{name} wants a header");
        // Whether the header is read shows when it is wrong.
        let keyed = operation.parameters.iter().any(|parameter| parameter.name == "Idempotency-Key");
        let got =
            ask(app, request(path(&query)).header("idempotency-key", "a b").header("content-type", kind), "").await;
        let read = String::from_utf8_lossy(&got.body).contains("bad_idempotency_key");
        assert_eq!(read, keyed, "{name} reads Idempotency-Key: {read}, described: {keyed}");
    }
}

/// The required query parameters of an operation, but for one.
fn filled(operation: &Operation, without: Option<&str>) -> Vec<(String, String)> {
    let query = operation.parameters.iter().filter(|one| one.place == "query" && one.required);
    query.filter(|one| Some(one.name.as_str()) != without).map(|one| (one.name.clone(), "1".to_owned())).collect()
}
