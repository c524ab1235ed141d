//! What the descriptions of API and events promise, compared with every answer and event that a test sees.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a helper of tests fails by panicking"
)]

/// The API of a service, from its OpenAPI description.
pub mod api;
/// The events, from `asyncapi.yaml`.
pub mod events;
/// What every route must do besides.
pub mod generic;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The schemas of a description.
struct Schemas {
    components: Value,
    compiled: Mutex<HashMap<String, Validator>>,
}

impl Schemas {
    fn of(document: &Value) -> Self {
        Self { components: document["components"].clone(), compiled: Mutex::default() }
    }

    /// Fails unless the instance is as its schema says. Schemas are known by name once they are compiled.
    #[track_caller]
    fn check(&self, name: String, schema: &Value, instance: &Value) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = match compiled.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                // References point into the components of the document.
                let whole = json!({ "allOf": [schema], "components": self.components });
                vacant.insert(jsonschema::draft202012::new(&whole).expect("a schema"))
            }
        };
        let errors: Vec<String> =
            validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name} is not as described: {errors:#?}\n{instance}");
    }
}
