//! The stream of events of an open page: that of the API, handed on as it comes.

use axum::Extension;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::http::{Query, Unending};

use crate::error::Error;
use crate::visit::Visit;

/// The query of the stream.
#[derive(Deserialize)]
pub(crate) struct LiveQuery {
    /// The ids of the posts on the page, separated by commas.
    #[serde(default)]
    posts: String,
    /// The number of the last event that was received.
    last: Option<u64>,
}

/// Opens the stream. It ends with the access token, and the page opens it again. Somebody who is not signed in any more gets
/// an empty answer, after which nothing is to be opened.
pub(crate) async fn open_live(
    visit: Visit,
    Query(asked): Query<LiveQuery>,
    headers: axum::http::HeaderMap,
) -> Result<Response, Error> {
    if visit.session.is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let posts: Vec<u64> = asked.posts.split(',').filter_map(|id| id.parse().ok()).collect();
    // A browser that lost the stream asks with the header by itself.
    let lost = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut answer = match visit.api.stream(&posts, lost.or(asked.last)).await {
        Err(error) if error.is(StatusCode::UNAUTHORIZED) => return Ok(StatusCode::NO_CONTENT.into_response()),
        answer => answer?,
    };
    // In one process the answer has the mark of the API already.
    let mark = answer.extensions_mut().remove::<Unending>().unwrap_or_default();
    let body = Marked { body: answer.into_body(), _mark: mark.clone() };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((Extension(mark), headers, axum::body::Body::new(body)).into_response())
}

/// A body that keeps its mark until it ends.
struct Marked {
    body: axum::body::Body,
    _mark: Unending,
}

impl axum::body::HttpBody for Marked {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }
}
