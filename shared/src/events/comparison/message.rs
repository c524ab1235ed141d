//! The messages by which owners and copies compare, and their publication. docs/events.md lists their fields.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::broker::BrokerError;
use crate::events::context::Context;
use crate::events::topology;
use crate::outbox::Key;

/// The most rows of one part.
pub(super) const PAGE: u64 = 500;
/// Rows without their content: keys and versions.
pub(super) type Rows = Vec<(Key, i64)>;

/// A message from one service to another. A part of a stream is the range of keys above `after` up to `until`; without
/// `after` it begins at the first key, and without `until` it ends with the last.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Message {
    /// From the owner to a copy: the owner published these versions a while ago.
    Published { stream: String, rows: Rows },
    /// From a copy to the owner: the copy's rows of a part. The owner answers with [`Message::States`].
    Page { stream: String, copy: String, after: Option<Key>, until: Option<Key>, rows: Rows },
    /// From the owner to a copy: the owner's states of a part. `until` may be less than the copy asked for.
    States { stream: String, after: Option<Key>, until: Option<Key>, states: Vec<Value> },
    /// From the owner to a copy: a question for the versions that the copy holds of these keys, or without keys, for
    /// its newest rows. The copy answers with [`Message::Holds`].
    Ask { stream: String, keys: Option<Vec<Key>> },
    /// From a copy to the owner: the answer to [`Message::Ask`], with the keys of the question.
    Holds { stream: String, copy: String, keys: Option<Vec<Key>>, rows: Rows },
}

impl Context {
    /// Publishes a message to the comparison exchange of another service. Returns whether the broker accepted it.
    pub(super) async fn publish_comparison(&self, service: &str, message: &Message) -> bool {
        let published = match serde_json::to_vec(message) {
            Ok(payload) => self.broker.publish_to_comparison(service, &payload).await,
            Err(error) => Err(BrokerError::new(error.to_string())),
        };
        if let Err(error) = &published {
            tracing::debug!(%error, service, "Another service could not be told; it is said again.");
        }
        published.is_ok()
    }
}

/// Returns the names of the services that keep copies of a stream.
pub(super) fn consumers_of(stream: &str) -> &'static [&'static str] {
    topology::ROUTES.iter().find(|route| route.stream == stream).map_or(&[], |route| route.consumers)
}

/// Finds the source or the consumer of `stream` in a list; `stream_of` returns the stream of an element.
pub(super) fn find_by_stream<'a, T: ?Sized>(
    all: &'a [Arc<T>],
    stream: &str,
    stream_of: impl Fn(&T) -> &'static str,
) -> Option<&'a Arc<T>> {
    all.iter().find(|one| stream_of(one) == stream)
}
