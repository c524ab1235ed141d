//! The CloudEvents envelope (1.0, JSON) and the states inside.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::MAX_ID;

/// At most this many states in one message.
pub const MAX_STATES: usize = 500;
/// At most this many bytes of states in one message; a single larger state travels alone.
pub const MAX_BYTES: usize = 256 * 1024;

/// The key of an aggregate: one id, or the pair of a like or a subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<i64>);

impl From<i64> for Key {
    fn from(id: i64) -> Self {
        Self(vec![id])
    }
}

impl Key {
    /// The first id, or zero.
    pub fn first(&self) -> i64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The key right before this one, in the order of keys.
    #[must_use]
    pub fn before(&self) -> Self {
        let mut ids = self.0.clone();
        if let Some(last) = ids.last_mut() {
            *last -= 1;
        }
        Self(ids)
    }

    /// The second id of a pair, or zero.
    pub fn second(&self) -> i64 {
        self.0.get(1).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<String> = self.0.iter().map(i64::to_string).collect();
        f.write_str(&ids.join("/"))
    }
}

/// The whole public state of one aggregate, as its owner sends it or as a consumer reads it.
pub trait State: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The stream it travels on.
    const STREAM: &'static str;

    /// The aggregate's key.
    fn key(&self) -> Key;

    /// The aggregate's version: from 1, strictly increasing.
    fn version(&self) -> i64;
}

/// Whether ids and version lie where they must; a state that fails is parked.
///
/// # Errors
/// What is out of range.
pub fn check<S: State>(state: &S) -> Result<(), String> {
    if !(1..=MAX_ID).contains(&state.version()) {
        return Err(format!("version {} is out of range", state.version()));
    }
    match state.key().0.iter().find(|id| !(1..=MAX_ID).contains(id)) {
        Some(id) => Err(format!("id {id} is out of range")),
        None => Ok(()),
    }
}

/// One message, as it is written.
#[derive(Serialize)]
struct Outgoing<'a, T> {
    specversion: &'static str,
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    datacontenttype: &'static str,
    traceparent: String,
    data: &'a [T],
}

/// One message, as it is read.
#[derive(Deserialize)]
pub struct Incoming {
    /// CloudEvents version.
    pub specversion: String,
    /// `chatty.STREAM.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the states were written, by the owner's clock.
    pub time: Timestamp,
    /// The states, each still unread: one bad state must not hide the others.
    pub data: Vec<Box<RawValue>>,
}

/// The type of a stream's messages.
pub fn event_type(stream: &str) -> String {
    format!("chatty.{stream}.v1")
}

/// Writes states of one stream as messages, each within the size limits.
///
/// # Errors
/// When a state cannot be written as JSON.
pub fn encode<S: Serialize>(
    service: &str,
    stream: &str,
    states: &[S],
    time: Timestamp,
) -> Result<Vec<(Uuid, Vec<u8>)>, serde_json::Error> {
    let states = written(states)?;
    in_parts(&states).map(|part| message(service, stream, part, time)).collect()
}

/// Writes states as JSON.
///
/// # Errors
/// When one cannot be written.
pub(super) fn written<S: Serialize>(states: &[S]) -> Result<Vec<Box<RawValue>>, serde_json::Error> {
    states.iter().map(serde_json::value::to_raw_value).collect()
}

/// Cuts states into parts that each fit into one message.
pub(super) fn in_parts(states: &[Box<RawValue>]) -> impl Iterator<Item = &[Box<RawValue>]> {
    within_limits(states, states.iter().map(|state| (1, state.get().len() + 1)))
}

/// Joins messages of one stream to as few as the size limits allow: for each, how many of the given ones it carries.
///
/// # Errors
/// When one of them cannot be read.
pub fn join(service: &str, stream: &str, payloads: &[&[u8]]) -> Result<Vec<(Uuid, Vec<u8>, usize)>, serde_json::Error> {
    let messages: Vec<Incoming> =
        payloads.iter().map(|payload| serde_json::from_slice(payload)).collect::<Result<_, _>>()?;
    let sizes = messages.iter().zip(payloads).map(|(message, payload)| (message.data.len(), payload.len()));
    let parts = within_limits(&messages, sizes);
    let joined = parts.filter_map(|part| {
        let states: Vec<&RawValue> = part.iter().flat_map(|message| &message.data).map(AsRef::as_ref).collect();
        // Whoever looks how far a copy is behind wants to know of the oldest state.
        let oldest = part.iter().map(|message| message.time).min()?;
        Some(message(service, stream, &states, oldest).map(|(id, payload)| (id, payload, part.len())))
    });
    joined.collect()
}

/// Cuts items into parts that each fit into one message; `sizes` are their states and their bytes. A single larger one
/// is a part of its own.
fn within_limits<T>(items: &[T], sizes: impl Iterator<Item = (usize, usize)>) -> impl Iterator<Item = &[T]> {
    let mut sizes = sizes.peekable();
    let mut rest = items;
    std::iter::from_fn(move || {
        let (mut states, mut bytes) = sizes.next()?;
        let mut count = 1;
        while let Some((more_states, more_bytes)) =
            sizes.next_if(|more| states + more.0 <= MAX_STATES && bytes + more.1 <= MAX_BYTES)
        {
            (states, bytes, count) = (states + more_states, bytes + more_bytes, count + 1);
        }
        let (part, later) = rest.split_at_checked(count)?;
        rest = later;
        Some(part)
    })
}

fn message<T: Serialize>(
    service: &str,
    stream: &str,
    data: &[T],
    time: Timestamp,
) -> Result<(Uuid, Vec<u8>), serde_json::Error> {
    let id = Uuid::now_v7();
    let trace = crate::http::request_id::current().unwrap_or_else(|| Uuid::now_v7().simple().to_string());
    let span = Uuid::new_v4().simple().to_string();
    let envelope = Outgoing {
        specversion: "1.0",
        id,
        source: format!("/chatty/{service}"),
        kind: event_type(stream),
        time,
        datacontenttype: "application/json",
        traceparent: format!("00-{trace}-{}-01", span.get(..16).unwrap_or_default()),
        data,
    };
    Ok((id, serde_json::to_vec(&envelope)?))
}

/// Reads a message of `stream`.
///
/// # Errors
/// Why it is not one.
pub fn decode(payload: &[u8], stream: &str) -> Result<Incoming, String> {
    let message: Incoming = serde_json::from_slice(payload).map_err(|error| format!("not a message: {error}"))?;
    if message.specversion != "1.0" {
        return Err(format!("unknown specversion {}", message.specversion));
    }
    if message.kind != event_type(stream) {
        return Err(format!("unknown type {}", message.kind));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn many_states_become_several_messages_that_read_back() {
        let states: Vec<i64> = (0..1_001).collect();
        let messages = encode("posts", "post", &states, Clock::system().now()).unwrap();
        assert_eq!(messages.len(), 3);
        let sizes: Vec<usize> = messages.iter().map(|(_, bytes)| decode(bytes, "post").unwrap().data.len()).collect();
        assert_eq!(sizes, [500, 500, 1]);
        let large = vec!["x".repeat(200_000); 3];
        assert_eq!(encode("posts", "post", &large, Clock::system().now()).unwrap().len(), 3);
        assert!(encode("posts", "post", &Vec::<i64>::new(), Clock::system().now()).unwrap().is_empty());
    }

    #[test]
    fn small_messages_are_joined_within_the_limits() {
        let clock = Clock::system();
        let first = clock.now();
        let later = first + std::time::Duration::from_secs(1);
        let sizes = [(200, later), (200, first), (101, later), (400, later), (1, later)];
        let write = |(states, time)| encode("posts", "post", &vec![7; states], time).unwrap().remove(0).1;
        let payloads: Vec<Vec<u8>> = sizes.into_iter().map(write).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let joined = join("posts", "post", &payloads).unwrap();
        let seen: Vec<_> = joined.iter().map(|(_, bytes, rows)| (decode(bytes, "post").unwrap(), *rows)).collect();
        let seen: Vec<_> = seen.iter().map(|(message, rows)| (message.data.len(), message.time, *rows)).collect();
        assert_eq!(seen, [(400, first, 2), (101, later, 1), (401, later, 2)]);
        assert!(join("posts", "post", &[b"{"]).is_err());
    }

    #[test]
    fn what_is_not_of_the_stream_is_refused() {
        let (_, bytes) = encode("posts", "post", &[1], Clock::system().now()).unwrap().remove(0);
        assert!(decode(&bytes, "like").err().unwrap().contains("unknown type"));
        assert!(decode(b"{", "post").is_err());
        assert!(decode(&[0xff, 0xfe], "post").is_err());
    }
}
