//! The envelope of messages: CloudEvents 1.0 in JSON (<https://github.com/cloudevents/spec>), around the states of one
//! stream.
//!
//! This file writes and reads messages, and keeps them within size limits: a message is confirmed, stored and applied
//! as a whole, so its size bounds the memory and the transactions of everybody who handles it. asyncapi.yaml describes
//! the format.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::Timestamp;

/// The most states in one message.
pub const MAX_STATES: usize = 500;
/// The most bytes of states in one message. A single larger state travels alone.
pub const MAX_BYTES: usize = 256 * 1024;

/// A message in the form in which it is written: the context attributes of CloudEvents, and `traceparent` of its
/// extension for distributed tracing.
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

/// A message in the form in which it is read. Members that no reader needs are left out.
#[derive(Deserialize)]
pub struct Incoming {
    /// The version of CloudEvents, `1.0`.
    pub specversion: String,
    /// The type, `chatty.STREAM.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The time at which the oldest of the states was written, by the owner's clock. The lag of a copy is measured from
    /// it.
    pub time: Timestamp,
    /// The states, not parsed yet, so that one bad state does not make the others unreadable.
    pub data: Vec<Box<RawValue>>,
}

/// Returns the CloudEvents type of a stream's messages.
pub fn event_type(stream: &str) -> String {
    format!("chatty.{stream}.v1")
}

/// Encodes states of one stream as messages, each within the size limits. Returns the id and the payload of each
/// message.
///
/// # Errors
/// When a state cannot be written as JSON.
pub fn encode<S: Serialize>(
    service: &str,
    stream: &str,
    states: &[S],
    time: Timestamp,
) -> Result<Vec<(Uuid, Vec<u8>)>, serde_json::Error> {
    // Each state is written first, because only its text tells its size.
    let states = to_raw_json(states)?;
    split_within_limits(&states).map(|part| encode_message(service, stream, part, time)).collect()
}

/// Writes each state as JSON text.
///
/// # Errors
/// When a state cannot be written as JSON.
pub(crate) fn to_raw_json<S: Serialize>(states: &[S]) -> Result<Vec<Box<RawValue>>, serde_json::Error> {
    states.iter().map(serde_json::value::to_raw_value).collect()
}

/// Splits states into parts that each fit into one message.
pub(crate) fn split_within_limits(states: &[Box<RawValue>]) -> impl Iterator<Item = &[Box<RawValue>]> {
    // One byte more for the comma between two states.
    within_limits(states, states.iter().map(|state| (1, state.get().len() + 1)))
}

/// Joins messages of one stream, in their order, into fewer messages within the size limits (ADR 10). Returns id and
/// payload of each joined message, and the number of the given messages that it carries.
///
/// # Errors
/// When one of the messages cannot be read.
pub fn join(service: &str, stream: &str, payloads: &[&[u8]]) -> Result<Vec<(Uuid, Vec<u8>, usize)>, serde_json::Error> {
    let messages: Vec<Incoming> =
        payloads.iter().map(|payload| serde_json::from_slice(payload)).collect::<Result<_, _>>()?;
    let sizes = messages.iter().zip(payloads).map(|(message, payload)| (message.data.len(), payload.len()));
    let parts = within_limits(&messages, sizes);
    let joined = parts.filter_map(|part| {
        let states: Vec<&RawValue> = part.iter().flat_map(|message| &message.data).map(AsRef::as_ref).collect();
        // The oldest time, because the lag of a copy is measured from the oldest state that it has not applied.
        let oldest = part.iter().map(|message| message.time).min()?;
        Some(encode_message(service, stream, &states, oldest).map(|(id, payload)| (id, payload, part.len())))
    });
    joined.collect()
}

/// Splits items into parts that each fit into one message. `sizes` are the numbers of states and of bytes of each item.
/// A single item beyond the limits is a part of its own.
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

/// Encodes one message around states, and returns its id and payload.
fn encode_message<T: Serialize>(
    service: &str,
    stream: &str,
    data: &[T],
    time: Timestamp,
) -> Result<(Uuid, Vec<u8>), serde_json::Error> {
    let id = Uuid::now_v7();
    // The id of the request that caused the change, which is a trace id of W3C Trace Context, or a new one for
    // background work.
    let trace = crate::request_id::current().unwrap_or_else(|| Uuid::now_v7().simple().to_string());
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

/// Decodes a message and checks that it belongs to `stream`.
///
/// # Errors
/// The reason why the payload is no message of this stream. The consumer parks the message with this reason.
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
