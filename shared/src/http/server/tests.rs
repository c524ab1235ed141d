//! Tests of the server, over real connections.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_prometheus::metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use super::*;
use crate::config::Env;
use crate::health;

const LIMITS: Limits = Limits { all: 100, per_address: 100, stalled: Duration::from_secs(1) };

fn app() -> App {
    let large = "x".repeat(32 * 1024 * 1024);
    let routes = Router::new()
        .route("/refuse", post(async || StatusCode::UNAUTHORIZED))
        .route("/large", get(async move || large.clone()))
        .route(
            "/unending",
            get(async || {
                let mark = Unending::default();
                let parts = futures_util::stream::unfold((mark.clone(), true), async |(mark, is_first)| {
                    if !is_first {
                        sleep(Duration::from_secs(3_600)).await;
                    }
                    Some((Ok::<_, Infallible>("x"), (mark, false)))
                });
                (axum::Extension(mark), Body::from_stream(parts))
            }),
        );
    App::new(routes, crate::openapi::base_document(), health::probes(Vec::new(), Disclosure::Full(None)))
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_idle_until_it_ends() {
    let server = Running::start(Limits { all: 2, ..LIMITS }, false).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /unending HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut buffer = [0; 4096];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
    sleep(Duration::from_millis(5)).await;
    let mut idle = server.connect().await;
    assert!(lives(&mut idle).await);
    let mut newcomer = server.connect().await;
    assert!(lives(&mut newcomer).await && !lives(&mut idle).await, "the idle one made room");
    assert!(timeout(Duration::from_millis(200), stream.read(&mut buffer)).await.is_err(), "the stream is open");
    server.stop().await;
}

/// A server that runs on a port of its own until it is stopped.
struct Running {
    address: SocketAddr,
    cancel: Cancel,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the server's end")]
    async fn start(limits: Limits, behind_gateway: bool) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners {
            tcp,
            unix: None,
            metrics: None,
            behind_gateway,
            production: false,
            protection: Protection::default(),
        };
        let cancel = Cancel::new();
        let stop = cancel.clone();
        let task = tokio::spawn(async move {
            serve_within(limits, listeners, app(), None, &Tracker::new(), &stop).await;
        });
        Self { address, cancel, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends pieces with pauses between them, so that the server reads each by itself. Returns all that the server
    /// sends until it closes the connection or has answered `answers` times.
    async fn talk(&self, pieces: &[&str], answers: usize) -> String {
        let mut client = self.connect().await;
        for piece in pieces {
            client.write_all(piece.as_bytes()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while text.matches("HTTP/1.1 ").count() < answers {
            let read = client.read(&mut buffer).await.unwrap();
            if read == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        text
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

async fn talk(pieces: &[&str], answers: usize) -> String {
    let server = Running::start(LIMITS, false).await;
    let text = server.talk(pieces, answers).await;
    server.stop().await;
    text
}

/// Returns whether the server still answers on this connection.
async fn lives(client: &mut TcpStream) -> bool {
    let sent = client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut buffer = [0; 4096];
    sent.is_ok() && client.read(&mut buffer).await.is_ok_and(|read| buffer[..read].starts_with(b"HTTP/1.1 404"))
}

#[tokio::test]
async fn a_connection_outlives_an_answer_that_comes_before_a_small_body() {
    let head = "POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n";
    let text = talk(&[head, "12345", head, "12345"], 2).await;
    assert_eq!(text.matches("HTTP/1.1 401").count(), 2, "{text}");
    assert!(!text.contains("connection: close"), "{text}");
}

#[tokio::test]
async fn the_answer_says_that_a_connection_ends_with_a_large_unread_body() {
    let head = "POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    let text = talk(&[head], 1).await;
    assert!(text.contains("connection: close"), "{text}");
    let expects = "POST /refuse HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let text = talk(&[expects], 1).await;
    assert!(text.contains("connection: close") && !text.contains(" 100 "), "{text}");
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    for (hosts, version, status) in [
        ("host: x\r\n", "1.1", "404"),
        ("host: [::1]:80\r\n", "1.1", "404"),
        ("host:\r\n", "1.1", "404"),
        ("", "1.0", "404"),
        ("", "1.1", "400"),
        ("host: x\r\nhost: x\r\n", "1.1", "400"),
        ("host: x\r\nhost: y\r\n", "1.0", "400"),
        ("host: x y\r\n", "1.1", "400"),
        ("host: a@b\r\n", "1.1", "400"),
        ("host: x/y\r\n", "1.1", "400"),
        ("host: a:b:c\r\n", "1.1", "400"),
        ("host: x\r\ntransfer-encoding: gzip, chunked\r\n", "1.1", "501"),
        ("host: x\r\ncontent-encoding: gzip\r\n", "1.1", "415"),
    ] {
        let text = talk(&[&format!("GET / HTTP/{version}\r\n{hosts}\r\n")], 1).await;
        assert!(text.contains(&format!("\"status\":{status}")), "{hosts:?}: {text}");
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_with_a_problem() {
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(20_000)), "431"),
        ("NONSENSE\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_owned(), "400"),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(3_000)), "414"),
    ] {
        let text = talk(&[&request], 1).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {text}");
        assert!(text.contains("application/problem+json") && text.contains("x-request-id: "), "{status}: {text}");
        assert_eq!(text.matches("\r\ndate: ").count(), 1, "{status}: {text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["status"].to_string(), status);
    }
}

/// The slow client reads in bursts, so that the timer of the server begins anew.
#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_dropped_and_a_slow_one_is_not() {
    let server = Running::start(LIMITS, false).await;
    let request = b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (mut stuck, mut slow) = (server.connect().await, server.connect().await);
    stuck.write_all(request).await.unwrap();
    slow.write_all(request).await.unwrap();
    let mut buffer = vec![0; 8 * 1024 * 1024];
    let mut taken = 0;
    for _ in 0..6 {
        sleep(Duration::from_millis(400)).await;
        let deadline = tokio::time::Instant::now() + Duration::from_millis(200);
        while let Ok(Ok(read)) = tokio::time::timeout_at(deadline, slow.read(&mut buffer)).await {
            taken += read;
            if read == 0 {
                break;
            }
        }
    }
    while let Ok(read) = slow.read(&mut buffer).await {
        taken += read;
        if read == 0 {
            break;
        }
    }
    assert!(taken > 32 * 1024 * 1024, "the slow one got {taken} bytes");
    let mut got = 0;
    let end = loop {
        match stuck.read(&mut buffer).await {
            Ok(0) => break Ok(()),
            Ok(read) => got += read,
            Err(error) => break Err(error),
        }
    };
    assert!(got < 32 * 1024 * 1024, "the one that read nothing got {got} bytes, then {end:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_connection_that_is_idle_for_longest_makes_room() {
    for limits in [Limits { all: 3, ..LIMITS }, Limits { per_address: 3, ..LIMITS }] {
        let server = Running::start(limits, false).await;
        let mut known = Vec::new();
        for _ in 0..3 {
            let mut client = server.connect().await;
            assert!(lives(&mut client).await);
            known.push(client);
            sleep(Duration::from_millis(5)).await;
        }
        // The first one is used again, so that the second one is idle for longest.
        assert!(lives(&mut known[0]).await);
        let mut newcomer = server.connect().await;
        assert!(lives(&mut newcomer).await, "who comes gets in: {limits:?}");
        let mut left = Vec::new();
        for client in &mut known {
            left.push(lives(client).await);
        }
        assert_eq!(left, [true, false, true], "{limits:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn behind_a_gateway_all_clients_have_one_address() {
    let server = Running::start(Limits { per_address: 1, ..LIMITS }, true).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    assert!(lives(&mut one).await && lives(&mut two).await && lives(&mut one).await);
    server.stop().await;
}

#[tokio::test]
async fn the_process_is_disclosed_only_where_strangers_cannot_ask() {
    for (env, one_process, is_disclosed) in [
        (vec![], true, true),
        (vec![("METRICS_LISTEN", "127.0.0.1:0")], true, false),
        (vec![("METRICS_LISTEN", "127.0.0.1:0")], false, false),
        (vec![("CHATTY_ENV", "production"), ("PUBLIC_URL", "https://x.example")], true, false),
        (vec![("CHATTY_ENV", "production"), ("PUBLIC_URL", "https://x.example")], false, true),
    ] {
        let settings = Settings::from_env(&Env::of(env.clone()).with("CHATTY_LISTEN", "127.0.0.1:0"), 0).unwrap();
        let listeners = Listeners::bind(&settings).unwrap();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let probes = health::probes(Vec::new(), listeners.disclosure(one_process, metrics.clone()));
        let app = App::new(Router::new(), crate::openapi::base_document(), probes);
        let status = async |app: &App, path: &str| {
            let request = hyper::Request::builder().uri(path).body(Body::empty()).unwrap();
            app.answer(request).await.status().as_u16()
        };
        assert_eq!(status(&app, "/metrics").await == 200, is_disclosed, "{env:?} {one_process}");
        assert_eq!((status(&app, "/readyz").await, status(&app, "/livez").await), (200, 200), "{env:?}");
        let probes = App::of_probes(health::probes(Vec::new(), Disclosure::Full(Some(metrics))));
        assert_eq!((status(&probes, "/metrics").await, status(&probes, "/docs/").await), (200, 404));
    }
}

#[tokio::test]
async fn a_socket_answers_too_and_replaces_what_a_killed_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.sock");
    let env = Env::of([("CHATTY_LISTEN", "127.0.0.1:0"), ("CHATTY_SOCKET", path.to_str().unwrap())]);
    let settings = Settings::from_env(&env, 0).unwrap();
    drop(Listeners::bind(&settings).unwrap());
    assert!(path.exists(), "a socket is left behind");
    let listeners = Listeners::bind(&settings).unwrap();
    assert!(Listeners::bind(&settings).is_err(), "somebody listens there");
    let (tracker, cancel) = (Tracker::new(), Cancel::new());
    let talk = async {
        let mut client = UnixStream::connect(&path).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut start = [0; 12];
        client.read_exact(&mut start).await.unwrap();
        cancel.cancel();
        start
    };
    let ((), start) = tokio::join!(serve(listeners, app(), None, &tracker, &cancel), talk);
    assert_eq!(&start, b"HTTP/1.1 404");
}
