//! The accept loop: timers against slow clients, a bound on connections, graceful stop.
//!
//! `axum::serve` sets no timer in hyper, so slow headers would be waited for without end.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::serve::{Listener, ListenerExt};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, timeout};

use super::{App, unread};
use crate::config::{ConfigError, Settings};
use crate::lifecycle::{Cancel, Tracker};

/// From the first byte of a request to the end of its headers.
const HEADERS: Duration = Duration::from_secs(10);
/// How long an idle connection is kept; nginx gives up its side after 30 s.
const IDLE: Duration = Duration::from_secs(75);
/// Connections of a listener at a time; more wait in the listen queue.
const CONNECTIONS: usize = 10_000;
/// How long requests under way may take after the stop was asked for.
const DRAIN: Duration = Duration::from_secs(6);

/// Where requests come from.
pub struct Listeners {
    tcp: TcpListener,
    /// For a gateway on the same machine.
    unix: Option<UnixListener>,
}

impl Listeners {
    /// Binds them.
    ///
    /// # Errors
    /// When an address is taken, or the socket's folder is not there.
    pub async fn bind(settings: &Settings) -> Result<Self, ConfigError> {
        let listen = settings.listen;
        let tcp = TcpListener::bind(listen).await;
        let tcp = tcp.map_err(|error| ConfigError::new("CHATTY_LISTEN", format!("{listen}: {error}")))?;
        let unix = settings.socket.as_deref().map(|path| {
            bind_unix(path).map_err(|error| ConfigError::new("CHATTY_SOCKET", format!("{}: {error}", path.display())))
        });
        Ok(Self { tcp, unix: unix.transpose()? })
    }
}

/// Binds a socket in place of one that a killed process left behind. Whoever can enter its folder can connect, as anybody
/// on the machine can to a port.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves until `cancel`, then lets the requests under way finish.
pub async fn serve(listeners: Listeners, app: App, tracker: &Tracker, cancel: &Cancel) {
    let tcp = listeners.tcp.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection has no TCP_NODELAY.");
        }
    });
    let tcp = accept(tcp, app.clone(), tracker, cancel);
    match listeners.unix {
        Some(unix) => drop(tokio::join!(tcp, accept(unix, app, tracker, cancel))),
        None => tcp.await,
    }
}

/// A listener logs by itself what it cannot accept, and goes on after a second.
async fn accept(mut listener: impl Listener, app: App, tracker: &Tracker, cancel: &Cancel) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { break };
        let stream = tokio::select! {
            (stream, _) = listener.accept() => stream,
            () = cancel.cancelled() => break,
        };
        let progress = Arc::new(AtomicU64::new(0));
        let state = Arc::clone(&progress);
        let app = app.clone();
        let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            state.fetch_add(1, Ordering::Relaxed);
            let (app, state) = (app.clone(), Arc::clone(&state));
            async move {
                let (request, rest) = unread::lend(request);
                let mut response = app.answer(request.map(Body::new)).await;
                rest.settle(&mut response).await;
                state.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(Guarded::new(stream, progress)), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "A connection ended early.");
            }
            drop(permit);
        });
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("Some requests did not finish in time and were cut off.");
    }
}

/// A socket that gives up when a request's headers do not arrive in time after its first byte.
struct Guarded<S> {
    stream: S,
    /// Goes up by one when a request's head has been read, and again when it has been answered: while it is even, what is
    /// read belongs to the head of the next request.
    progress: Arc<AtomicU64>,
    /// When the head must be complete, and the progress when its first byte came.
    deadline: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<S> Guarded<S> {
    fn new(stream: S, progress: Arc<AtomicU64>) -> Self {
        Self { stream, progress, deadline: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let progress = self.progress.load(Ordering::Relaxed);
        if self.deadline.as_ref().is_some_and(|(since, _)| *since != progress) {
            self.deadline = None;
        }
        if let Some((_, deadline)) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the headers took too long")));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = buf.filled().len() > before;
        if read && self.deadline.is_none() && progress.is_multiple_of(2) {
            let mut deadline = Box::pin(tokio::time::sleep_until(Instant::now() + HEADERS));
            // Registers the waker, so that the time-out is noticed without another byte.
            let _pending = deadline.as_mut().poll(cx);
            self.deadline = Some((progress, deadline));
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UnixStream};
    use tokio::time::sleep;

    use super::*;
    use crate::config::Env;

    fn app() -> App {
        let routes = Router::new().route("/refuse", post(async || StatusCode::UNAUTHORIZED));
        App::new(routes, crate::openapi::frame(), Vec::new(), None)
    }

    /// Sends pieces with pauses between them, so that each is read by itself, and answers what comes back until the
    /// server closes or has answered `answers` times.
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the server's end")]
    async fn talk(pieces: &[&str], answers: usize) -> String {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(tcp.local_addr().unwrap()).await.unwrap();
        let (tracker, cancel) = (Tracker::new(), Cancel::new());
        let server = {
            let (tracker, cancel) = (tracker.clone(), cancel.clone());
            tokio::spawn(async move { serve(Listeners { tcp, unix: None }, app(), &tracker, &cancel).await })
        };
        for piece in pieces {
            client.write_all(piece.as_bytes()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while text.matches("HTTP/1.1 401").count() < answers {
            let read = client.read(&mut buffer).await.unwrap();
            if read == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        cancel.cancel();
        server.await.unwrap();
        text
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
    async fn a_socket_answers_too_and_replaces_what_a_killed_process_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("posts.sock");
        let env = Env::of([("CHATTY_LISTEN", "127.0.0.1:0"), ("CHATTY_SOCKET", path.to_str().unwrap())]);
        let settings = Settings::from_env(&env, 0).unwrap();
        drop(Listeners::bind(&settings).await.unwrap());
        assert!(path.exists(), "a socket is left behind");
        let listeners = Listeners::bind(&settings).await.unwrap();
        assert!(Listeners::bind(&settings).await.is_err(), "somebody listens there");
        let (tracker, cancel) = (Tracker::new(), Cancel::new());
        let talk = async {
            let mut client = UnixStream::connect(&path).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut start = [0; 12];
            client.read_exact(&mut start).await.unwrap();
            cancel.cancel();
            start
        };
        let ((), start) = tokio::join!(serve(listeners, app(), &tracker, &cancel), talk);
        assert_eq!(&start, b"HTTP/1.1 404");
    }
}
