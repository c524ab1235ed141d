//! Request bodies that nobody has read when the answer is ready, such as those of a request without a token.
//!
//! hyper closes a connection whose body is not read to its end, without a word to the client, whose next request on that
//! connection then fails. So what is left is read first when it is little, and else the answer says `Connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The largest rest that is still read, in bytes.
const SMALL: u64 = 64 * 1024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request body that comes back when it is dropped.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Lends the body of a request: it comes back when the request has been dealt with.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Lent>, Rest) {
    let (back, rest) = oneshot::channel();
    // The client waits for a word before it sends the body: reading would invite it.
    let invited = request.headers().contains_key(header::EXPECT);
    (request.map(|body| Lent { body: Some(body), back: Some(back) }), Rest { rest, invited })
}

/// What is left of a lent body.
pub(super) struct Rest {
    rest: oneshot::Receiver<Incoming>,
    invited: bool,
}

impl Rest {
    /// Reads what is left, or makes the answer say that the connection ends.
    pub(super) async fn settle(mut self, response: &mut Response) {
        let Ok(mut body) = self.rest.try_recv() else { return };
        if body.is_end_stream() {
            return;
        }
        let little = !self.invited && body.size_hint().upper().is_some_and(|rest| rest <= SMALL);
        let read = async {
            while let Some(frame) = body.frame().await {
                frame?;
            }
            Ok::<(), hyper::Error>(())
        };
        if !little || !matches!(timeout(PATIENCE, read).await, Ok(Ok(()))) {
            say_close(response.headers_mut());
        }
    }
}

fn say_close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

impl Body for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits when the connection has ended meanwhile.
            let _ended = back.send(body);
        }
    }
}
