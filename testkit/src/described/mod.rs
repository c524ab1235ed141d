//! Comparison of every answer and every event that a test sees with the descriptions of API and events.
//!
//! Descriptions that no test compares go out of date. Here each test of a service is also a test of its description.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a helper of tests fails by panicking"
)]

/// The API of a service, from its OpenAPI description.
pub mod api;
/// The events of all services, from `asyncapi.yaml`.
pub mod events;
/// Checks of the rules of HTTP for every route, and of required and optional parts of requests for every described
/// operation.
pub mod generic;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The JSON schemas of a description.
struct Schemas {
    components: Value,
    /// Compiled schemas by name, because compiling one takes longer than most tests.
    compiled: Mutex<HashMap<String, Validator>>,
}

impl Schemas {
    fn of(document: &Value) -> Self {
        Self { components: document["components"].clone(), compiled: Mutex::default() }
    }

    /// Asserts that a value matches its schema. `name` is the key under which the compiled schema is cached, and names
    /// the schema in the message of a failure.
    #[track_caller]
    fn check(&self, name: String, schema: &Value, instance: &Value) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = match compiled.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                // References in the schema point into the components of the document.
                let whole = json!({ "allOf": [schema], "components": self.components });
                vacant.insert(jsonschema::draft202012::new(&whole).expect("a schema"))
            }
        };
        let errors: Vec<String> =
            validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name} is not as described: {errors:#?}\n{instance}");
    }
}
