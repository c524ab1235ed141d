//! A TCP proxy in front of a server, which disturbs connections as a bad network does when it is told to.
//!
//! Fault injection needs it because the loopback device cannot be slow, silent or cut for one server only.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The condition of the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Bytes pass at once.
    Normal,
    /// Each piece that is read waits this long before it is sent on.
    Slow(Duration),
    /// Bytes are held back while connections stay open, so that neither side notices.
    Silent,
    /// Open connections are broken, and new ones are closed at once.
    Cut,
}

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    condition: watch::Sender<Condition>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy in front of a port of the loopback address.
    pub async fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let (condition, receiver) = watch::channel(Condition::Normal);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, upstream)), receiver));
        Ok(Self { port, condition, _task: task })
    }

    /// Returns the port that clients have to use instead of the server's.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the condition, also for connections that are already open.
    pub fn set(&self, condition: Condition) {
        self.condition.send_replace(condition);
    }
}

/// Accepts connections until this future is dropped.
async fn accept(listener: TcpListener, upstream: SocketAddr, condition: watch::Receiver<Condition>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        // Frees the connections that have ended.
        while connections.try_join_next().is_some() {}
        if *condition.borrow() != Condition::Cut {
            connections.spawn(serve(near, upstream, condition.clone()));
        }
    }
}

/// Serves one connection until it ends or is cut.
async fn serve(near: TcpStream, upstream: SocketAddr, condition: watch::Receiver<Condition>) {
    let Ok(far) = TcpStream::connect(upstream).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = condition.clone();
    tokio::select! {
        // Each direction ends by itself, since a half-closed connection is legal. An error ends the direction in which
        // it occurs, as it would without a proxy.
        _ = async {
            tokio::join!(
                forward(near_in, far_out, condition.clone()),
                forward(far_in, near_out, condition.clone()),
            )
        } => {}
        _ = cut.wait_for(|condition| *condition == Condition::Cut) => {}
    }
}

/// Forwards the bytes of one direction until it ends, under the condition that holds at each moment.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut condition: watch::Receiver<Condition>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        // While the condition is silent, the bytes that were read wait here.
        let now =
            *condition.wait_for(|condition| *condition != Condition::Silent).await.map_err(std::io::Error::other)?;
        if let Condition::Slow(pause) = now {
            tokio::time::sleep(pause).await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}
