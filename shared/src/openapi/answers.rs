//! Fields of answers that are always there.
//!
//! An `Option` of Rust means two things. In a request it may be left out; in an answer it is written as null. So the
//! nullable fields of a schema that only answers have are required. A field that an answer leaves out is described as
//! not required and not nullable, and stays so; a test compares each answer with this.

use std::collections::BTreeSet;

use utoipa::openapi::path::Paths;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, RefOr};

use super::operations;
use super::schemas::{for_each_reference, is_nullable};

/// Marks the nullable fields of the schemas that only answers have as required.
pub(super) fn require_fields(paths: &Paths, components: &mut Components) {
    let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for operation in paths.paths.values().flat_map(operations::of) {
        for parameter in operation.parameters.iter().flatten() {
            if let RefOr::T(parameter) = parameter {
                parameter.schema.iter().for_each(|schema| reach(schema, components, &mut sent));
            }
        }
        if let Some(RefOr::T(body)) = &operation.request_body {
            reach_content(body.content.values(), components, &mut sent);
        }
        for response in operation.responses.responses.values() {
            if let RefOr::T(response) = response {
                reach_content(response.content.values(), components, &mut answered);
            }
        }
    }
    for name in answered.difference(&sent) {
        if let Some(RefOr::T(schema)) = components.schemas.get_mut(name) {
            require_nullable(schema);
        }
    }
}

fn reach_content<'a>(
    content: impl Iterator<Item = &'a RefOr<utoipa::openapi::Content>>,
    components: &Components,
    names: &mut BTreeSet<String>,
) {
    for content in content {
        if let RefOr::T(content) = content {
            content.schema.iter().for_each(|schema| reach(schema, components, names));
        }
    }
}

/// Adds the names of all schemas that a schema refers to.
fn reach(schema: &RefOr<Schema>, components: &Components, names: &mut BTreeSet<String>) {
    let mut found = Vec::new();
    for_each_reference(schema, &mut |reference| {
        found.extend(reference.ref_location.strip_prefix("#/components/schemas/").map(str::to_owned));
    });
    for name in found {
        let next = components.schemas.get(&name);
        if names.insert(name)
            && let Some(next) = next
        {
            reach(next, components, names);
        }
    }
}

fn require_nullable(schema: &mut Schema) {
    match schema {
        Schema::Object(object) => {
            for (name, property) in &object.properties {
                if is_nullable(property) && !object.required.contains(name) {
                    object.required.push(name.clone());
                }
            }
        }
        // Flattened structs.
        Schema::AllOf(all_of) => {
            for item in &mut all_of.items {
                if let RefOr::T(item) = item {
                    require_nullable(item);
                }
            }
        }
        _ => {}
    }
}
