//! Streams of events (server-sent events), as a test reads them.
#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking")]

use axum::body::Body;
use axum::http::HeaderMap;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::deadline::within_deadline;

/// An event of a stream; fields that it lacks are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The name.
    pub event: String,
    /// The id, by which a later stream goes on.
    pub id: String,
    /// The data, which is JSON.
    pub data: Value,
}

/// An open stream of events. Dropping it closes it.
pub struct EventStream {
    body: Body,
    text: String,
}

impl EventStream {
    /// Reads events from the body of an answer.
    pub(crate) fn of(body: Body) -> Self {
        Self { body, text: String::new() }
    }

    /// Waits for the next event; `None` at the end of the stream. Comments are skipped.
    ///
    /// # Panics
    /// If nothing comes within 20 s.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Event::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("event", name)) => event.event = name.to_owned(),
                        Some(("id", id)) => event.id = id.to_owned(),
                        Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                        _ => assert!(line.starts_with(':'), "{line}"),
                    }
                }
                self.text = rest.to_owned();
                if event != Event::default() {
                    return Some(event);
                }
                continue;
            }
            let frame = within_deadline(self.body.frame(), "an event").await?.expect("a frame");
            self.text.push_str(&String::from_utf8_lossy(&frame.into_data().expect("data")));
        }
    }
}

/// Reads a body to its end; of a stream of events, which may have none, the first piece.
pub(crate) async fn read_body(headers: &HeaderMap, mut body: Body) -> Vec<u8> {
    if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
        let frame = body.frame().await.expect("a frame").expect("a body");
        return frame.into_data().expect("data").to_vec();
    }
    body.collect().await.expect("a body").to_bytes().to_vec()
}
