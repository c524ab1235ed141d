//! A connection's socket, with the timers that hyper does not have.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Sleep, sleep};

use super::connections::Activity;
use super::request_id;
use crate::error::Problem;

/// From the first byte of a request to the end of its headers.
const HEADERS: Duration = Duration::from_secs(10);

/// A stream that can be given up without waiting for the peer.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes closing discard what the peer did not take.
    fn discard(&self);
}

impl Stream for TcpStream {
    fn discard(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "A connection could not be reset.");
        }
    }
}

impl Stream for UnixStream {
    fn discard(&self) {}
}

/// A socket that gives up when a request's headers do not arrive in time after its first byte, or when the client does not
/// take its answer.
pub(super) struct Guarded<S> {
    stream: S,
    activity: Arc<Activity>,
    /// When the head must be complete, and the progress when its first byte came.
    deadline: Option<(u64, Pin<Box<Sleep>>)>,
    /// How long a write may make no progress, and since a write waits: when that is over.
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    /// What is still to be written of a refusal that takes the place of hyper's.
    refusal: Vec<u8>,
}

impl<S: Stream> Guarded<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>, patience: Duration) -> Self {
        Self { stream, activity, deadline: None, patience, stalled: None, refusal: Vec::new() }
    }

    /// Ends a write that waits for too long. There is a timer only while one waits.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        self.stream.discard();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the answer")))
    }

    /// Writes what is left of a refusal.
    fn refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.refusal);
            let written = ready!(self.watched(cx, written))?;
            self.refusal.drain(..written.max(1).min(self.refusal.len()));
        }
        Poll::Ready(Ok(()))
    }
}

/// The problem in place of what hyper answers by itself, without a body, to a head that it cannot read. Answers of the routes
/// have a request id.
fn refusal(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 4").or_else(|| head.strip_prefix(b"HTTP/1.0 4"))?;
    let is_ours =
        head.windows(request_id::HEADER.as_str().len()).any(|part| part == request_id::HEADER.as_str().as_bytes());
    if is_ours {
        return None;
    }
    let (code, detail) = match status.get(..2)? {
        b"14" => ("uri_too_long", "Path and query are longer than 2 KiB"),
        b"31" => ("headers_too_large", "The headers are larger than 16 KiB"),
        b"00" => ("bad_request", "The request is malformed"),
        _ => return None,
    };
    let status = StatusCode::from_bytes(head.get(9..12)?).ok()?;
    let date = head.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"date: ")).unwrap_or_default();
    let date = std::str::from_utf8(date).ok()?.trim_ascii_end();
    let date = if date.is_empty() { String::new() } else { format!("{date}\r\n") };
    let id = format!("{:032x}", rand::random::<u128>());
    let problem = Problem::new(status, code, detail, id.clone());
    let (body, title) = (serde_json::to_string(&problem).ok()?, problem.title);
    let answer = format!(
        "HTTP/1.1 {} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\n{date}connection: close\r\n\r\n{body}",
        status.as_u16(),
        body.len()
    );
    Some(answer.into_bytes())
}

impl<S: Stream> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let progress = self.activity.progress();
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
            let mut deadline = Box::pin(sleep(HEADERS));
            // Registers the waker, so that the time-out is noticed without another byte.
            let _pending = deadline.as_mut().poll(cx);
            self.deadline = Some((progress, deadline));
        }
        result
    }
}

impl<S: Stream> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(refusal) = refusal(bytes) {
            self.refusal = refusal;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.refuse(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.refuse(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(refusal) = bufs.first().and_then(|head| refusal(head)) {
            self.refusal = refusal;
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
