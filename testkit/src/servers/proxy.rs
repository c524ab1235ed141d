//! A TCP proxy in front of a server. It misbehaves as a network does, when told to.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// They pass.
    Clear,
    /// Each piece waits this long.
    Slow(Duration),
    /// They stay, and nobody hears that the connection is dead.
    Silent,
    /// Connections break, and new ones are refused.
    Cut,
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Starts one in front of a port of the loopback address.
    pub async fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let (weather, now) = watch::channel(Weather::Clear);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, SocketAddr::from((Ipv4Addr::LOCALHOST, upstream)), now));
        Ok(Self { port, weather, _task: task })
    }

    /// The port that stands for the server's.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what happens to the bytes, also of connections that are open.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, weather: watch::Receiver<Weather>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if *weather.borrow() != Weather::Cut {
            connections.spawn(connect(near, upstream, weather.clone()));
        }
    }
}

async fn connect(near: TcpStream, upstream: SocketAddr, weather: watch::Receiver<Weather>) {
    let Ok(far) = TcpStream::connect(upstream).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = weather.clone();
    tokio::select! {
        // Errors end a connection as they would without a proxy.
        _ = async { tokio::join!(pass(near_in, far_out, weather.clone()), pass(far_in, near_out, weather.clone())) } => {}
        _ = cut.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        let now = *weather.wait_for(|weather| *weather != Weather::Silent).await.map_err(std::io::Error::other)?;
        if let Weather::Slow(pause) = now {
            tokio::time::sleep(pause).await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}
