//! Questions about schemas.

use utoipa::openapi::schema::{ArrayItems, Schema, SchemaType, Type};
use utoipa::openapi::{Object, Ref, RefOr};

/// Returns whether null is a value of a schema.
pub(super) fn is_nullable(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(schema) = schema else { return false };
    match schema {
        Schema::Object(object) => has_null(&object.schema_type),
        Schema::Array(array) => has_null(&array.schema_type),
        Schema::OneOf(one_of) => one_of.items.iter().any(is_nullable),
        Schema::AnyOf(any_of) => any_of.items.iter().any(is_nullable),
        _ => false,
    }
}

fn has_null(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(types) => types.contains(&Type::Null),
        SchemaType::AnyValue => false,
    }
}

/// Removes null from the values of a schema. A parameter or a header is absent instead of null.
pub(super) fn remove_null(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => remove_null_type(&mut object.schema_type),
        RefOr::T(Schema::Array(array)) => remove_null_type(&mut array.schema_type),
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.items.retain(|item| !is_nullable(item));
            if let [only] = one_of.items.as_slice() {
                *schema = only.clone();
            }
        }
        _ => {}
    }
}

fn remove_null_type(schema_type: &mut SchemaType) {
    if let SchemaType::Array(types) = schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}

/// Calls a function with each reference in a schema.
pub(super) fn for_each_reference(schema: &RefOr<Schema>, call: &mut impl FnMut(&Ref)) {
    let schema = match schema {
        RefOr::Ref(reference) => return call(reference),
        RefOr::T(schema) => schema,
    };
    match schema {
        Schema::Object(Object { properties, .. }) => {
            properties.values().for_each(|property| for_each_reference(property, call));
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &array.items {
                for_each_reference(items, call);
            }
        }
        Schema::OneOf(one_of) => one_of.items.iter().for_each(|item| for_each_reference(item, call)),
        Schema::AllOf(all_of) => all_of.items.iter().for_each(|item| for_each_reference(item, call)),
        Schema::AnyOf(any_of) => any_of.items.iter().for_each(|item| for_each_reference(item, call)),
        _ => {}
    }
}
