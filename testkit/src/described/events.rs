//! The description of the events in `asyncapi.yaml`: the streams, their queues, and the schema of their messages.

use serde_json::Value;

use super::Schemas;

/// The description of the events, ready for comparisons.
pub struct Events {
    document: Value,
    schemas: Schemas,
}

/// A described stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The stream's name, which is its routing key.
    pub name: String,
    /// The service that publishes the stream.
    pub owner: String,
    /// The queues that receive the stream.
    pub queues: Vec<String>,
}

impl Events {
    /// Reads the `asyncapi.yaml` of this build.
    pub fn read() -> Self {
        let document: Value = serde_saphyr::from_str(include_str!("../../../asyncapi.yaml")).expect("YAML");
        let schemas = Schemas::of(&document);
        Self { document, schemas }
    }

    /// Returns the streams, in the order of their names.
    pub fn streams(&self) -> Vec<Stream> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let stream = |channel: &Value| Stream {
            name: text(&channel["address"]),
            owner: text(&channel["x-owner"]),
            queues: channel["x-queues"].as_array().expect("queues").iter().map(text).collect(),
        };
        let mut streams: Vec<Stream> =
            self.document["channels"].as_object().expect("channels").values().map(stream).collect();
        // The document's order is that of its author; tests compare with other lists of streams.
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        streams
    }

    /// Returns the example messages of a stream.
    pub fn examples(&self, stream: &str) -> Vec<&Value> {
        let examples = self.message(stream)["examples"].as_array().expect("examples");
        examples.iter().map(|example| &example["payload"]).collect()
    }

    /// Asserts that a message is as the stream's description says.
    #[track_caller]
    pub fn check(&self, stream: &str, message: &Value) {
        self.schemas.check(stream.to_owned(), &self.message(stream)["payload"], message);
    }

    /// Returns the description of a stream's message.
    fn message(&self, stream: &str) -> &Value {
        let message = &self.document["components"]["messages"][format!("chatty.{stream}.v1")];
        assert!(message.is_object(), "{stream} is not described");
        message
    }
}
