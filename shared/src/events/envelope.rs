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
struct Outgoing<'a> {
    specversion: &'static str,
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    datacontenttype: &'static str,
    traceparent: String,
    data: &'a [Box<RawValue>],
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
    let mut messages = Vec::new();
    let mut part: Vec<Box<RawValue>> = Vec::new();
    let mut bytes = 0;
    for state in states {
        let raw = serde_json::value::to_raw_value(state)?;
        let size = raw.get().len() + 1;
        if !part.is_empty() && (part.len() == MAX_STATES || bytes + size > MAX_BYTES) {
            messages.push(message(service, stream, &part, time)?);
            part.clear();
            bytes = 0;
        }
        bytes += size;
        part.push(raw);
    }
    if !part.is_empty() {
        messages.push(message(service, stream, &part, time)?);
    }
    Ok(messages)
}

fn message(
    service: &str,
    stream: &str,
    data: &[Box<RawValue>],
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
    fn what_is_not_of_the_stream_is_refused() {
        let (_, bytes) = encode("posts", "post", &[1], Clock::system().now()).unwrap().remove(0);
        assert!(decode(&bytes, "like").err().unwrap().contains("unknown type"));
        assert!(decode(b"{", "post").is_err());
        assert!(decode(&[0xff, 0xfe], "post").is_err());
    }
}
