//! The socket of a connection, with two timers that hyper lacks: for the head of a request, and for an answer that the
//! client does not take. It also replaces the empty answers that hyper itself gives to a head that it cannot read.

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
use crate::error::Problem;
use crate::request_id;

/// The time limit from the first byte of a request to the end of its headers.
const HEADERS: Duration = Duration::from_secs(10);

/// A stream that can be closed without waiting for the peer.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes closing discard the data that the peer has not taken.
    fn discard_on_close(&self);
}

impl Stream for TcpStream {
    fn discard_on_close(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "A connection could not be reset.");
        }
    }
}

impl Stream for UnixStream {
    fn discard_on_close(&self) {}
}

/// A socket that fails when the headers of a request do not arrive in time after the first byte, or when the client
/// does not take its answer.
pub(super) struct TimedStream<S> {
    stream: S,
    activity: Arc<Activity>,
    /// The progress of the connection when the first byte of a head came, and the time when the head must be complete;
    /// absent while no head arrives.
    deadline: Option<(u64, Pin<Box<Sleep>>)>,
    /// The time for which a write may make no progress.
    patience: Duration,
    /// The timer that ends this time; present only while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// The bytes still to be written of a problem that replaces an answer of hyper.
    refusal: Vec<u8>,
}

impl<S: Stream> TimedStream<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>, patience: Duration) -> Self {
        Self { stream, activity, deadline: None, patience, stalled: None, refusal: Vec::new() }
    }

    /// Makes a write that has waited longer than `patience` fail. The timer exists only while a write waits, so that
    /// writes which succeed at once cost nothing.
    fn fail_when_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        self.stream.discard_on_close();
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the answer")))
    }

    /// Writes the rest of the problem that replaces an answer of hyper.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.refusal);
            let written = ready!(self.fail_when_stalled(cx, written))?;
            self.refusal.drain(..written.max(1).min(self.refusal.len()));
        }
        Poll::Ready(Ok(()))
    }
}

/// Builds the problem that replaces an answer of hyper; `None` for an answer that stays as it is. hyper itself answers
/// a head that it cannot read, without a body. Such an answer is recognised by the missing request id, which all
/// answers of the routes have.
fn refusal(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 4").or_else(|| head.strip_prefix(b"HTTP/1.0 4"))?;
    let has_request_id =
        head.windows(request_id::HEADER.as_str().len()).any(|part| part == request_id::HEADER.as_str().as_bytes());
    if has_request_id {
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
    let id = request_id::generate();
    let problem = Problem::new(status, code, detail, id.clone());
    let (body, reason) = (serde_json::to_string(&problem).ok()?, status.canonical_reason().unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-content-type-options: nosniff\r\nx-request-id: {id}\r\n{date}connection: close\r\n\r\n{body}",
        status.as_u16(),
        body.len()
    );
    Some(answer.into_bytes())
}

impl<S: Stream> AsyncRead for TimedStream<S> {
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
            // Registers the waker, so that the time limit ends the read even when no further byte arrives.
            let _pending = deadline.as_mut().poll(cx);
            self.deadline = Some((progress, deadline));
        }
        result
    }
}

impl<S: Stream> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(refusal) = refusal(bytes) {
            self.refusal = refusal;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.fail_when_stalled(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
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
        self.fail_when_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
