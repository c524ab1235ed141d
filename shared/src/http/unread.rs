//! Request bodies that no handler has read when the answer is ready, such as those of a request without a token.
//!
//! hyper closes a connection whose request body was not read to its end. The client is not told, so its next request on
//! that connection fails. Therefore this file keeps track of each body: a small rest is read before the answer is sent,
//! and for a large one the answer says `Connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The largest rest that is read, in bytes.
const MAX_REST: u64 = 64 * 1024;
/// The time in which the rest must arrive.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// A request body that is handed back to the server when it is dropped.
pub(super) struct TrackedBody {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Tracks the body of a request. The second value receives the body when the request has been answered.
pub(super) fn track(request: Request<Incoming>) -> (Request<TrackedBody>, UnreadBody) {
    let (back, body) = oneshot::channel();
    let expects_continue = request.headers().contains_key(header::EXPECT);
    let request = request.map(|body| TrackedBody { body: Some(body), back: Some(back) });
    (request, UnreadBody { body, expects_continue })
}

/// The unread rest of a tracked body.
pub(super) struct UnreadBody {
    body: oneshot::Receiver<Incoming>,
    /// True if the client sends the body only after `100 Continue`, which hyper sends as soon as the body is read.
    expects_continue: bool,
}

impl UnreadBody {
    /// Reads the rest, or makes the answer with these headers close the connection.
    pub(super) async fn settle(mut self, answer: &mut HeaderMap) {
        let Ok(mut body) = self.body.try_recv() else { return };
        if body.is_end_stream() {
            return;
        }
        let is_small = body.size_hint().upper().is_some_and(|rest| rest <= MAX_REST);
        let read = async {
            while let Some(frame) = body.frame().await {
                frame?;
            }
            Ok::<(), hyper::Error>(())
        };
        // Reading would invite a client that waits for `100 Continue` to send a body that nobody wants.
        if self.expects_continue || !is_small || !matches!(timeout(REST_TIMEOUT, read).await, Ok(Ok(()))) {
            answer.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody receives it when the connection has ended in the meantime.
            let _ended = back.send(body);
        }
    }
}
