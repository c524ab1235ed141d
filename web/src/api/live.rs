//! The stream of events of an open page.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::Api;
use crate::error::Error;

impl Api {
    /// Opens the stream of what happens to the visitor. `posts` are the ids whose counters are told; `last` is the
    /// number of the last event that was received.
    pub(crate) async fn stream(&self, posts: &[u64], last: Option<u64>) -> Result<Response, Error> {
        let ids: Vec<String> = posts.iter().take(100).map(u64::to_string).collect();
        let path = if ids.is_empty() { "/stream".to_owned() } else { format!("/stream?posts={}", ids.join(",")) };
        let last = last.map(|last| (HeaderName::from_static("last-event-id"), HeaderValue::from(last)));
        self.open("subscriptions", &path, last.into_iter().collect()).await
    }
}
