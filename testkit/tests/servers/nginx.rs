//! Tests of the gateway: the service that each path goes to, the headers that services get, and the answers that nginx
//! gives itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use shared::services::{SERVICE_NAMES, WEB};
use tempfile::TempDir;
use testkit::servers::machine::{free_ports, fresh_folder};
use testkit::servers::nginx::{NginxOptions, prepare};
use testkit::servers::process::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The gateway in front of stubs of the five services and of the pages. The stubs answer with the request that they have
/// received, except that `posts` breaks off requests with the word `broken`, and that `admin` is down.
struct Gateway {
    port: u16,
    /// The number of requests that `posts` has broken off.
    broken: Arc<AtomicUsize>,
    /// The log of requests.
    log: PathBuf,
    client: Client,
    _nginx: Process,
    _services: JoinSet<()>,
    _folder: TempDir,
}

impl Gateway {
    async fn start() -> Self {
        let folder = fresh_folder("nginx").unwrap();
        // Nothing listens on the second port: it stands for a service that is down.
        let [port, admin] = free_ports().unwrap();
        let mut upstreams = BTreeMap::from([("admin".to_owned(), vec![format!("127.0.0.1:{admin}")])]);
        let mut services = JoinSet::new();
        let programs = SERVICE_NAMES.into_iter().chain([WEB.name]);
        for name in programs.filter(|name| !["admin", "posts"].contains(name)) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            upstreams.insert(name.to_owned(), vec![listener.local_addr().unwrap().to_string()]);
            let router = Router::new().fallback(move |request| echo(name, request));
            services.spawn(async move { axum::serve(listener, router).await.unwrap() });
        }
        let broken = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        upstreams.insert("posts".to_owned(), vec![listener.local_addr().unwrap().to_string()]);
        services.spawn(serve_and_break(listener, Arc::clone(&broken)));

        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let spec = prepare(&NginxOptions {
            repository,
            prefix: &folder.path().join("nginx"),
            log: &folder.path().join("nginx.log"),
            access_log: &folder.path().join("access.log"),
            port,
            upstreams: &upstreams,
            media: folder.path(),
        })
        .unwrap();
        let nginx = Process::start(spec, Some(folder.path())).await;
        Self {
            port,
            broken,
            log: folder.path().join("access.log"),
            client: Client::builder().no_proxy().build().unwrap(),
            _nginx: nginx.unwrap(),
            _services: services,
            _folder: folder,
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.client.request(method, url)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Sends bytes as they are, and returns everything that comes back until the connection is closed.
    async fn send_raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Answers with the request itself, or with the stub's own problem for `/auth/busy`.
async fn echo(service: &'static str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: BTreeMap<&str, &str> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let answer = Json(json!({
        "service": service, "method": parts.method.as_str(), "uri": parts.uri.to_string(),
        "bytes": body.len(), "headers": headers,
    }));
    if parts.uri.path() == "/auth/busy" {
        let headers = [("retry-after", "7"), ("content-type", "application/problem+json")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, "{\"code\":\"own\"}").into_response();
    }
    ([("x-request-id", "the-service's-own")], answer).into_response()
}

/// Serves the stub of posts by hand, since an HTTP library cannot be made to break off: it answers one request per
/// connection, or closes the connection after it has read the head.
async fn serve_and_break(listener: TcpListener, broken: Arc<AtomicUsize>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 64 * 1024];
        let mut read = 0;
        while !head[..read].windows(4).any(|w| w == b"\r\n\r\n") {
            match stream.read(&mut head[read..]).await {
                Ok(0) | Err(_) => break,
                Ok(n) => read += n,
            }
        }
        let line = String::from_utf8_lossy(&head[..read]).into_owned();
        let line = line.lines().next().unwrap_or_default().to_owned();
        if line.contains("broken") {
            broken.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let body = json!({ "service": "posts", "line": line }).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.ok();
    }
}

/// Checks that an answer is a complete problem document, and returns its status and code.
async fn problem(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/problem+json");
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers().get_all("x-request-id").iter().count(), 1);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id.as_str());
    for field in ["type", "title", "detail"] {
        assert!(!body[field].as_str().unwrap().is_empty(), "{body}");
    }
    (status, body["code"].clone())
}

#[tokio::test]
async fn every_path_goes_to_its_service_unchanged() {
    let gateway = Gateway::start().await;
    for (path, service) in [
        ("/auth/login", "auth"),
        ("/auth/me/export", "auth"),
        ("/users?username=ann", "auth"),
        ("/users/1", "auth"),
        // Two services share the paths that begin with `/users`.
        ("/users/1/followers?limit=2", "subscriptions"),
        ("/users/1/following", "subscriptions"),
        ("/.well-known/jwks.json", "auth"),
        ("/docs", "auth"),
        ("/docs/swagger-ui.css", "auth"),
        ("/posts?author=1", "posts"),
        ("/posts/1/comments/2", "posts"),
        ("/likes?post_id=1,2", "posts"),
        ("/media/a%20b.png", "posts"),
        ("/posts.atom", "posts"),
        ("/posts.json", "posts"),
        ("/tags/caf%C3%A9/feed.atom", "posts"),
        // The third service whose paths begin with `/users`.
        ("/users/1/feed.atom", "posts"),
        ("/users/1/feed.json", "posts"),
        ("/subscribe/2", "subscriptions"),
        ("/unsubscribe/2", "subscriptions"),
        ("/feed", "subscriptions"),
        ("/following?user_id=1", "subscriptions"),
        ("/recommendations/users", "recommendations"),
        // What belongs to no service is a page.
        ("/", "web"),
        ("/@ann", "web"),
        ("/p/17?done=liked", "web"),
        ("/live?posts=1,2", "web"),
        ("/assets/1f0c/app.js", "web"),
        ("/settings/avatar", "web"),
        ("/robots.txt", "web"),
        ("/nginx.conf", "web"),
        ("/postsx", "web"),
        ("/adminx", "web"),
        ("/developers", "web"),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!(answer["service"], service, "{path}");
        let line = answer["line"].as_str().and_then(|line| line.split(' ').nth(1));
        assert_eq!(answer["uri"].as_str().or(line), Some(path));
    }
    // nginx must not decode the path, or the service would see another one.
    let delete = gateway.request(Method::DELETE, "/unsubscribe/2%2B?a=%20b");
    let answer: Value = delete.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["service"], "subscriptions");
    assert_eq!(answer["method"], "DELETE");
    assert_eq!(answer["uri"], "/unsubscribe/2%2B?a=%20b");
}

#[tokio::test]
async fn private_paths_are_not_found() {
    let gateway = Gateway::start().await;
    for path in [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/%6Detrics",
        "/livez",
        "/readyz",
        "/dev",
        "/dev/mail",
        "/posts/../metrics",
        // This path is encoded, to get past a comparison of the raw path.
        "/posts/..%2fmetrics",
        "/stored-media/a.png",
        "/problem/502",
    ] {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = gateway.send_raw(bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.contains("\"code\":\"not_found\""), "{path}: {answer}");
        // The answer must not contain the version of nginx, which would tell an attacker more than a user needs.
        assert!(!answer.contains("nginx/"), "{answer}");
    }
    let delete = gateway.request(Method::DELETE, "/dev/mail").send().await;
    assert_eq!(problem(delete.unwrap()).await, (404, json!("not_found")));
}

#[tokio::test]
async fn headers_about_the_client_come_from_nginx_alone() {
    let gateway = Gateway::start().await;
    // These are all headers by which a client could pretend to be another client, or an internal part.
    let mut request = gateway.request(Method::GET, "/auth/me");
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
        "x-user-id",
        "x-user-role",
        "x-request-id",
        "x-original-url",
        "x-sendfile-type",
        "x-accel-mapping",
    ] {
        request = request.header(name, "forged");
    }
    let answer = request.bearer_auth("token").send().await.unwrap();
    assert_eq!(answer.headers().get_all("x-request-id").iter().count(), 1);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    let mut headers = body["headers"].clone();
    assert_eq!(headers["x-request-id"], id.as_str());
    headers.as_object_mut().unwrap().remove("x-request-id");
    headers.as_object_mut().unwrap().remove("accept");
    assert_eq!(
        headers,
        json!({
            "authorization": "Bearer token",
            "host": format!("127.0.0.1:{}", gateway.port),
            "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http",
        })
    );
}

#[tokio::test]
async fn a_services_own_problem_passes_unchanged() {
    let gateway = Gateway::start().await;
    let answer = gateway.request(Method::GET, "/auth/busy").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers().get_all("retry-after").iter().count(), 1);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.text().await.unwrap(), "{\"code\":\"own\"}");
}

#[tokio::test]
async fn a_service_that_is_down_answers_502_and_the_others_go_on() {
    let gateway = Gateway::start().await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let answer = gateway.request(method, "/admin/stats").send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(problem(answer).await, (502, json!("bad_gateway")));
    }
    assert_eq!(gateway.get("/auth/me").await["service"], "auth");
}

#[tokio::test]
async fn a_write_is_sent_once_and_its_unknown_outcome_is_said() {
    let gateway = Gateway::start().await;
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        gateway.broken.store(0, Ordering::SeqCst);
        let request = gateway.request(method.clone(), "/posts/broken").body("{}");
        let answer = request.send().await.unwrap();
        assert_eq!(problem(answer).await, (502, json!("outcome_unknown")));
        assert_eq!(gateway.broken.load(Ordering::SeqCst), 1, "{method}");
    }
    // A body that is longer than elsewhere, for which nginx has no other answer than for others.
    let upload = gateway.request(Method::POST, "/media?broken").body(vec![0_u8; 100 * 1024]);
    let answer = upload.send().await.unwrap();
    assert_eq!(problem(answer).await, (502, json!("outcome_unknown")));
    // A read has no effect, so its outcome is never unknown.
    let answer = gateway.request(Method::GET, "/posts/broken").send().await;
    assert_eq!(problem(answer.unwrap()).await, (502, json!("bad_gateway")));
}

#[tokio::test]
async fn sizes_are_limited_and_refused_as_problems() {
    let gateway = Gateway::start().await;
    let fits = vec![b'a'; 64 * 1024];
    let request = gateway.request(Method::POST, "/auth/login").body(fits.clone());
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["bytes"], 64 * 1024);

    let mut large = fits;
    large.push(b'a');
    for path in ["/auth/login", "/posts/1", "/p/1/comments", "/settings/profile"] {
        let request = gateway.request(Method::PATCH, path).body(large.clone());
        let answer = request.send().await.unwrap();
        assert_eq!(problem(answer).await, (413, json!("body_too_large")));
    }
    // A larger body is allowed only where there may be a picture, or a form with the text of a post.
    for (path, bytes) in [("/new", 6 << 20), ("/settings/avatar", 6 << 20), ("/p/1/edit", 512 << 10)] {
        let request = gateway.request(Method::POST, path).body(vec![0_u8; bytes]);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!((&body["service"], &body["bytes"]), (&json!("web"), &json!(bytes)), "{path}");
        let answer = gateway.request(Method::POST, path).body(vec![0_u8; bytes + 1]).send().await.unwrap();
        assert_eq!(problem(answer).await, (413, json!("body_too_large")), "{path}");
    }
    let request = gateway.request(Method::POST, "/posts").body(vec![0; 6 * 1024 * 1024 + 1]);
    let answer = request.send().await.unwrap();
    assert_eq!(problem(answer).await, (413, json!("body_too_large")));

    let path = format!("/posts?cursor={}", "a".repeat(5_000));
    let answer = gateway.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(problem(answer).await, (414, json!("uri_too_long")));
    let request = gateway.request(Method::GET, "/posts").header("x-long", "a".repeat(9_000));
    let answer = request.send().await.unwrap();
    assert_eq!(problem(answer).await, (431, json!("headers_too_large")));
}

#[tokio::test]
async fn nonsense_on_the_wire_is_refused_as_a_problem() {
    let gateway = Gateway::start().await;
    for (bytes, status) in [
        ("NONSENSE\r\n\r\n", "400"),
        ("GET /posts HTTP/1.1\r\n\r\n", "400"),
        ("GET /posts HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET /posts HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nConnection: close\r\n\r\n", "417"),
        ("GET posts HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /posts HTTP/9.1\r\nHost: x\r\n\r\n", "400"),
        ("TRACE /posts HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("POST /posts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"),
    ] {
        let answer = gateway.send_raw(bytes.as_bytes()).await;
        assert!(answer.contains("application/problem+json"), "{bytes}: {answer}");
        assert!(answer.contains(&format!("\"status\":{status},")), "{bytes}: {answer}");
    }
}

#[tokio::test]
async fn what_nginx_answers_by_itself_is_as_http_wants_it() {
    let gateway = Gateway::start().await;
    let traced = gateway.send_raw(b"TRACE /posts HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(traced.contains("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"), "{traced}");
    let posted = gateway.request(Method::POST, "/openapi.json").send().await.unwrap();
    assert_eq!(posted.headers()["allow"], "GET, HEAD, OPTIONS");
    assert_eq!(problem(posted).await, (405, json!("method_not_allowed")));
    let asked = gateway.request(Method::OPTIONS, "/openapi.json").send().await.unwrap();
    assert_eq!((asked.status().as_u16(), &asked.headers()["allow"]), (204, &"GET, HEAD, OPTIONS".parse().unwrap()));
    // A client of HTTP/1.0 need not send a host, but nginx asks the service with HTTP/1.1, which requires one.
    let old = gateway.send_raw(b"GET /auth/me HTTP/1.0\r\n\r\n").await;
    assert!(old.contains("\"host\":"), "{old}");
}

#[tokio::test]
async fn texts_are_compressed_and_single_posts_are_not() {
    let gateway = Gateway::start().await;
    // Answers below a certain size are not worth compressing, so the test chooses the size.
    let answer = async |path: &str, large: bool| {
        let request = gateway.request(Method::GET, path).header("accept-encoding", "gzip");
        let request = if large { request.header("x-large", "a".repeat(3_000)) } else { request };
        let answer = request.send().await.unwrap();
        let has = |name: &str| answer.headers().contains_key(name);
        (has("content-encoding"), has("vary"))
    };
    assert_eq!(answer("/openapi.json", false).await, (true, true));
    assert_eq!(answer("/auth/me", true).await, (true, true));
    assert_eq!(answer("/auth/me", false).await, (false, false), "small");
    let long = "a".repeat(2_500);
    assert_eq!(answer(&format!("/posts?x={long}"), false).await, (true, true));
    assert_eq!(answer(&format!("/posts/1?x={long}"), false).await, (false, false), "its ETag stays strong");
    assert_eq!(answer("/@ann", true).await, (true, true));
    assert_eq!(answer("/live", true).await, (false, false), "events are not held back");
}

#[tokio::test]
async fn the_tokens_of_links_stay_out_of_the_log() {
    let gateway = Gateway::start().await;
    let ways = [
        "/auth/verify/",
        "/auth/password/reset/",
        "/auth/email/confirm/",
        "/auth/email/undo/",
        "/auth/digest/",
        "/verify/",
        "/reset/",
    ];
    for way in ways {
        gateway.get(&format!("{way}s3cret")).await;
        gateway.request(Method::POST, &format!("{way}s3cret/reject?s3cret")).send().await.unwrap();
    }
    for path in ["/email/confirm/s3cret", "/email/undo/s3cret", "/digest/s3cret", "/signup?invitation=s3cret"] {
        gateway.get(path).await;
    }
    gateway.request(Method::POST, "/auth/verify/resend").send().await.unwrap();
    // nginx writes its log once a second.
    let logged = async {
        loop {
            let log = std::fs::read_to_string(&gateway.log).unwrap_or_default();
            if log.contains("/auth/verify/resend") {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let log = tokio::time::timeout(Duration::from_secs(20), logged).await.unwrap();
    assert!(!log.contains("s3cret"), "{log}");
    for way in ways {
        assert_eq!(log.matches(&format!(" {way}-")).count(), 2, "{way}: {log}");
    }
}
