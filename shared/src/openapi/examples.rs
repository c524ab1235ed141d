//! Examples of requests: a body for each operation that takes one. A test of the suite sends them all.
//!
//! An example is made of the examples of its fields. A field without one gets the simplest value that its schema
//! allows. Optional fields are left out unless they have an example.

use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Components, RefOr};

/// How deep schemas may be nested. A deeper one refers to itself.
const MAX_DEPTH: u8 = 16;

/// Adds an example to each form of an operation's body that has none.
pub(super) fn complete(operation: &mut Operation, components: &Components) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && content.example.is_none()
            && content.examples.is_empty()
            && let Some(Ok(schema)) = content.schema.as_ref().map(serde_json::to_value)
        {
            content.example = example_of(&schema, components, 0);
        }
    }
}

/// Returns a value that fits a schema; `None` if there is none that can be written as JSON, such as for a file.
fn example_of(schema: &Value, components: &Components, depth: u8) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let given = ["/example", "/examples/0", "/default", "/enum/0"];
    if let Some(given) = given.iter().filter_map(|place| schema.pointer(place)).find(|given| !given.is_null()) {
        return Some(given.clone());
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
        let target = serde_json::to_value(components.schemas.get(name)?).ok()?;
        return example_of(&target, components, depth + 1);
    }
    let nested = |items: &Value| -> Vec<Value> {
        let items = items.as_array().into_iter().flatten();
        items.filter_map(|item| example_of(item, components, depth + 1)).collect()
    };
    if schema["allOf"].is_array() {
        let parts = nested(&schema["allOf"]).into_iter();
        let members = parts.filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None });
        return Some(Value::Object(members.flatten().collect()));
    }
    if let Some(first) = nested(&schema["oneOf"]).into_iter().chain(nested(&schema["anyOf"])).next() {
        return Some(first);
    }
    match type_of(schema) {
        "object" => members(schema, components, depth).map(Value::Object),
        "array" => Some(example_of(&schema["items"], components, depth + 1).into_iter().collect()),
        "string" => text(schema).map(Value::String),
        "integer" | "number" => Some(schema.get("minimum").cloned().unwrap_or(json!(1))),
        "boolean" => Some(json!(false)),
        _ => None,
    }
}

/// Returns the name of a schema's type; of several, the first that is not null.
fn type_of(schema: &Value) -> &str {
    let types = schema["type"].as_array().into_iter().flatten().chain([&schema["type"]]);
    types.filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default()
}

/// Returns the members of an example; `None` if a required one cannot be written, such as a file.
fn members(schema: &Value, components: &Components, depth: u8) -> Option<Map<String, Value>> {
    let is_required = |name: &String| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    let properties = || schema["properties"].as_object().into_iter().flatten();
    let shown = properties()
        .filter(|(name, property)| is_required(name) || property.get("example").or(property.get("examples")).is_some());
    let members: Map<String, Value> = shown
        .filter_map(|(name, property)| Some((name.clone(), example_of(property, components, depth + 1)?)))
        .collect();
    let mut required = properties().filter(|(name, _)| is_required(name));
    required.all(|(name, _)| members.contains_key(name)).then_some(members)
}

fn text(schema: &Value) -> Option<String> {
    let example = match schema["format"].as_str() {
        Some("binary") => return None,
        Some("date-time") => "2026-01-31T12:00:00.000000Z",
        Some("email") => "ann@example.org",
        Some("password") => "a horse, a boat, a lamp",
        Some("uri") => "https://app.example/",
        _ => "text",
    };
    let bound = |name: &str, otherwise: usize| {
        schema[name].as_u64().and_then(|length| length.try_into().ok()).unwrap_or(otherwise)
    };
    let least = bound("minLength", 0);
    let padded = example.chars().chain(std::iter::repeat_n('x', least.saturating_sub(example.len())));
    Some(padded.take(bound("maxLength", usize::MAX)).collect())
}
