//! The server: it accepts connections within bounds, ends slow ones, and stops gracefully.
//!
//! It takes the place of `axum::serve`, with which a client could send its headers for ever, because it sets no timer
//! in hyper. hyper does not limit the time in which a client takes its answer either; see `timed_stream.rs`.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::serve::{Listener, ListenerExt};
use axum_prometheus::metrics_exporter_prometheus::PrometheusHandle;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::time::timeout;

use super::app::{App, Protection};
use super::connections::{Activity, Connections, Limits, Unending};
use super::probes::Disclosure;
use super::remote_client::Peer;
use super::timed_stream::{Stream, TimedStream};
use super::unread;
use crate::config::{ConfigError, Environment, Settings, TrustedProxies};
use crate::tasks::{Cancel, Tracker};

#[cfg(test)]
mod tests;

/// The time after which an idle connection is closed. nginx closes its side after 30 s, so it never uses a closed one.
const IDLE: Duration = Duration::from_secs(75);
/// The time that requests under way have to finish after a stop was requested.
const DRAIN: Duration = Duration::from_secs(6);
/// The number of connections that may wait for the accept loop. A client beyond this number tries again a second later.
const BACKLOG: u32 = 1_024;

/// The bound addresses of a process.
pub struct Listeners {
    tcp: TcpListener,
    /// A Unix socket for a gateway on the same machine; absent if the settings name none.
    unix: Option<UnixListener>,
    /// A separate port for health and metrics; absent if the settings name none.
    metrics: Option<TcpListener>,
    behind_gateway: bool,
    production: bool,
    /// The settings that the app on the main port obeys.
    pub(crate) protection: Protection,
}

impl Listeners {
    /// Binds the addresses of the settings.
    ///
    /// # Errors
    /// When an address cannot be bound, for example because it is taken or because the folder of the socket is missing.
    pub fn bind(settings: &Settings) -> Result<Self, ConfigError> {
        let tcp = bind_tcp("CHATTY_LISTEN", settings.listen)?;
        let metrics = settings.metrics_listen.map(|address| bind_tcp("METRICS_LISTEN", address)).transpose()?;
        let unix = settings.socket.as_deref().map(|path| {
            bind_unix(path).map_err(|error| ConfigError::new("CHATTY_SOCKET", format!("{}: {error}", path.display())))
        });
        let production = settings.environment == Environment::Production;
        let (behind_gateway, protection) = (settings.behind_gateway, Protection::of(settings));
        Ok(Self { tcp, unix: unix.transpose()?, metrics, behind_gateway, production, protection })
    }

    /// Decides how much the main port discloses. It is restricted when another port exists for that purpose, and in
    /// production when `one_process` is true: one process with all services is its own gateway.
    pub(crate) fn disclosure(&self, one_process: bool, metrics: PrometheusHandle) -> Disclosure {
        let is_restricted = self.metrics.is_some() || (self.production && one_process);
        if is_restricted { Disclosure::Restricted } else { Disclosure::Full(Some(metrics)) }
    }
}

fn bind_tcp(variable: &'static str, address: SocketAddr) -> Result<TcpListener, ConfigError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error: io::Error| ConfigError::new(variable, format!("{address}: {error}")))
}

/// Binds a socket, also in the place of one that a killed process left behind. Every user of the machine who can enter
/// the folder can connect, as with a port.
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

/// Serves `app`, and `probes` on the separate port if there is one, until `cancel`; then waits for the requests under
/// way.
pub async fn serve(listeners: Listeners, app: App, probes: Option<App>, tracker: &Tracker, cancel: &Cancel) {
    serve_within(Limits::of_process(), listeners, app, probes, tracker, cancel).await;
}

async fn serve_within(
    limits: Limits,
    listeners: Listeners,
    app: App,
    probes: Option<App>,
    tracker: &Tracker,
    cancel: &Cancel,
) {
    let tap = |tcp: TcpListener| {
        tcp.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "A connection has no TCP_NODELAY.");
            }
        })
    };
    let Listeners { tcp, unix, metrics, behind_gateway, protection, .. } = listeners;
    let connections = Connections::new(limits);
    let server = Server { app, connections, behind_gateway, proxies: &protection.proxies, tracker, cancel };
    let of_unix = async {
        if let Some(unix) = unix {
            server.accept(unix).await;
        }
    };
    let of_metrics = async {
        if let (Some(metrics), Some(app)) = (metrics, probes) {
            // With separate bounds: monitoring must get in when clients have taken all connections of the main port.
            Server { app, connections: Connections::new(limits), ..server.clone() }.accept(tap(metrics)).await;
        }
    };
    tokio::join!(server.accept(tap(tcp)), of_unix, of_metrics);
}

/// The parts that all connections share.
#[derive(Clone)]
struct Server<'a> {
    app: App,
    connections: Arc<Connections>,
    /// True if all clients come from the address of a gateway, so that connections are not counted by address.
    behind_gateway: bool,
    /// The gateways whose connections are not counted by address either.
    proxies: &'a TrustedProxies,
    tracker: &'a Tracker,
    cancel: &'a Cancel,
}

impl Server<'_> {
    /// Accepts connections until the stop, then waits for the requests under way. axum's listener logs a failed accept
    /// and goes on after a second.
    async fn accept<L: Listener<Io: Stream, Addr: Into<Peer>>>(&self, mut listener: L) {
        let graceful = GracefulShutdown::new();
        loop {
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.cancel.cancelled() => break,
            };
            let peer: Peer = peer.into();
            let is_gateway = self.behind_gateway || peer.is_trusted(self.proxies);
            let address = if is_gateway { None } else { peer.address() };
            let is_admitted = self.connections.admit(address, |activity, place| {
                let connection = graceful.watch(self.connection(stream, activity, peer));
                let task = self.tracker.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "A connection ended early.");
                    }
                    drop(place);
                });
                task.abort_handle()
            });
            if !is_admitted {
                tracing::debug!("A connection was refused: all of them are busy.");
            }
        }
        drop(listener);
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("Some requests did not finish in time and were cut off.");
        }
    }

    /// Serves one connection.
    fn connection<S: Stream>(
        &self,
        stream: S,
        activity: Arc<Activity>,
        peer: Peer,
    ) -> impl GracefulConnection<Error = hyper::Error> + Send + use<S> {
        let (app, state) = (self.app.clone(), Arc::clone(&activity));
        let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            state.begin(Instant::now());
            let (app, state) = (app.clone(), Arc::clone(&state));
            async move {
                let (mut request, unread) = unread::track(request);
                request.extensions_mut().insert(peer);
                let mut response = app.answer_network(request.map(Body::new)).await;
                unread.settle(response.headers_mut()).await;
                if let Some(unending) = response.extensions_mut().remove::<Unending>() {
                    state.lasts(&unending);
                }
                state.end();
                Ok::<_, Infallible>(response)
            }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(16 * 1024)
            .serve_connection(
                TokioIo::new(TimedStream::new(stream, activity, self.connections.stalled())),
                TowerToHyperService::new(service),
            )
    }
}
