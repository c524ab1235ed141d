//! Tests of the metrics of a whole port.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use axum_prometheus::metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use futures_util::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{App, Disclosure, Listeners, Probes, serve};
use crate::config::{Env, Settings};
use crate::health;
use crate::tasks::{Cancel, Tracker};

const PENDING: &str = "axum_http_requests_pending{method=\"GET\",endpoint=\"/waits/{id}\"}";

/// Builds an app with a route that answers when it is notified, and one that panics.
fn app(answer: &Arc<Notify>, probes: Probes) -> App {
    let answer = Arc::clone(answer);
    let waits = async move || answer.notified().await;
    let panics = async || {
        if true {
            panic!("on purpose");
        }
    };
    let routes = Router::new().route("/waits/{id}", get(waits.clone()).post(waits)).route("/panics/{id}", get(panics));
    App::new(routes, crate::openapi::base_document(), probes)
}

fn ready() -> Probes {
    health::probes(Vec::new(), Disclosure::Restricted)
}

fn request(method: &str, path: &str) -> Request {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// Returns the lines of a metric, sorted: name, labels and value.
fn lines(metrics: &PrometheusHandle, name: &str) -> Vec<String> {
    let text = metrics.render();
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_request_is_pending_at_its_route_until_its_answer_is_sent() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (metrics, _guard) = (recorder.handle(), metrics::set_default_local_recorder(&recorder));
    let answer = Arc::new(Notify::new());
    let app = app(&answer, ready());
    let mut answering = pin!(app.answer(request("GET", "/waits/7")));
    assert!(lines(&metrics, PENDING).is_empty());
    assert!(answering.as_mut().now_or_never().is_none());
    assert_eq!(lines(&metrics, PENDING), [format!("{PENDING} 1")]);
    let mut second = Box::pin(app.answer(request("GET", "/waits/8")));
    assert!((&mut second).now_or_never().is_none());
    assert_eq!(lines(&metrics, PENDING), [format!("{PENDING} 2")]);
    drop(second);
    assert_eq!(lines(&metrics, PENDING), [format!("{PENDING} 1")]);
    answer.notify_one();
    let response = answering.await;
    assert_eq!(lines(&metrics, PENDING), [format!("{PENDING} 1")], "the body has not been sent yet");
    drop(response);
    assert_eq!(lines(&metrics, PENDING), [format!("{PENDING} 0")]);
    let total = "axum_http_requests_total{method=\"GET\",status=\"200\",endpoint=\"/waits/{id}\"} 1";
    assert_eq!(lines(&metrics, "axum_http_requests_total"), [total]);
}

#[tokio::test]
async fn a_request_is_not_pending_any_more_when_its_client_disconnects() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (metrics, _guard) = (recorder.handle(), metrics::set_default_local_recorder(&recorder));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chatty.sock");
    let env = Env::of([("CHATTY_LISTEN", "127.0.0.1:0"), ("CHATTY_SOCKET", path.to_str().unwrap())]);
    let listeners = Listeners::bind(&Settings::from_env(&env, 0).unwrap()).unwrap();
    let (tracker, cancel) = (Tracker::new(), Cancel::new());
    let pending = async |count: usize| {
        let expected = [format!("{PENDING} {count}")];
        let reached = async {
            while lines(&metrics, PENDING) != expected {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), reached).await.unwrap_or_else(|_| panic!("{:?}", lines(&metrics, PENDING)));
    };
    let talk = async {
        let mut client = UnixStream::connect(&path).await.unwrap();
        client.write_all(b"GET /waits/7 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        pending(1).await;
        drop(client);
        pending(0).await;
        cancel.cancel();
    };
    let app = app(&Arc::default(), ready());
    tokio::join!(serve(listeners, app, None, &tracker, &cancel), talk);
    assert!(lines(&metrics, "axum_http_requests_total").is_empty(), "nothing was answered");
}

#[tokio::test]
async fn every_answer_is_counted_once_and_never_under_its_path() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (metrics, _guard) = (recorder.handle(), metrics::set_default_local_recorder(&recorder));
    let mut app = app(&Arc::default(), ready());
    app.routes.time_limit = Duration::from_millis(20);
    let mut refused = request("GET", "/waits/7");
    refused.headers_mut().insert("expect", "a miracle".parse().unwrap());
    let long = format!("/{}", "x".repeat(3_000));
    for (request, status) in [
        (request("GET", "/nothing/7"), 404),
        (request("POST", "/nothing/8"), 404),
        (request("BREW", "/nothing/9"), 404),
        (request("MELT", "/nothing/9"), 404),
        (request("GET", "/waits/7"), 503),
        (request("GET", "/waits/8"), 503),
        (request("POST", "/waits/7"), 504),
        (request("GET", "/panics/7"), 500),
        (refused, 417),
        (request("GET", &long), 414),
        (request("DELETE", "/waits/7"), 405),
        (request("GET", "/livez"), 200),
    ] {
        assert_eq!(app.answer(request).await.status(), status);
    }
    let wrong_method = app.answer(request("PATCH", "/panics/7")).await;
    assert_eq!(wrong_method.headers()["allow"], "GET,HEAD,OPTIONS");
    drop(wrong_method);
    let never_ready = Probes { router: Router::new(), can_serve: Arc::new(|_| false) };
    let starting = self::app(&Arc::default(), never_ready);
    assert_eq!(starting.answer(request("HEAD", "/waits/7")).await.status(), 503);

    let expected = [
        ("DELETE", 405, "/waits/{id}", 1),
        ("GET", 200, "/livez", 1),
        ("GET", 404, "unmatched", 1),
        ("GET", 414, "unmatched", 1),
        ("GET", 417, "unmatched", 1),
        ("GET", 500, "/panics/{id}", 1),
        ("GET", 503, "/waits/{id}", 2),
        ("HEAD", 503, "unmatched", 1),
        ("PATCH", 405, "/panics/{id}", 1),
        ("POST", 404, "unmatched", 1),
        ("POST", 504, "/waits/{id}", 1),
        ("other", 404, "unmatched", 2),
    ];
    for (name, kind) in [("axum_http_requests_total", ""), ("axum_http_requests_duration_seconds", "_count")] {
        let expected = expected.map(|(method, status, endpoint, count)| {
            format!("{name}{kind}{{method=\"{method}\",status=\"{status}\",endpoint=\"{endpoint}\"}} {count}")
        });
        assert_eq!(lines(&metrics, &format!("{name}{kind}")), expected);
    }
    let none_pending = [
        ("DELETE", "/waits/{id}"),
        ("GET", "/livez"),
        ("GET", "/panics/{id}"),
        ("GET", "/waits/{id}"),
        ("PATCH", "/panics/{id}"),
        ("POST", "/waits/{id}"),
    ]
    .map(|(method, endpoint)| format!("axum_http_requests_pending{{method=\"{method}\",endpoint=\"{endpoint}\"}} 0"));
    assert_eq!(lines(&metrics, "axum_http_requests_pending"), none_pending);
}
