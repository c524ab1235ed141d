//! Translates the messages of serde about a body or a query into words for the client, which name types of JSON and
//! none of Rust.
//!
//! serde has no structured errors, so the translation goes by the texts of serde and `serde_json`. A text that is not
//! known stays as it is.

use std::borrow::Cow;

use serde_path_to_error::{Path, Segment};

use crate::error::{FieldError, escape_pointer_token};

/// Builds the error of one field from a message of serde about the value at `path`.
pub(super) fn field_error(path: &Path, message: &str) -> FieldError {
    let (detail, field) = translate(message);
    let mut pointer = pointer(path);
    if let Some(field) = field {
        let token = format!("/{}", escape_pointer_token(field));
        // For an unknown field the path already ends with the field. For a missing field it does not.
        if !pointer.ends_with(&token) {
            pointer.push_str(&token);
        }
    }
    FieldError { pointer, detail }
}

/// Writes the path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape_pointer_token(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// Returns the broken rule as a part of a sentence, and the field that serde names in addition to the path, if any.
pub(super) fn translate(message: &str) -> (Cow<'static, str>, Option<&str>) {
    let message = message.split(" at line ").next().unwrap_or_default();
    let named = message.split('`').nth(1);
    if message.starts_with("missing field") {
        return ("is missing".into(), named);
    }
    if message.starts_with("duplicate field") {
        return ("is given twice".into(), named);
    }
    if let Some(unknown) = message.strip_prefix("unknown field `") {
        // The name comes from the client and may contain the very words that serde puts after it, so the last ones
        // count.
        let (name, known) =
            unknown.rsplit_once("`, expected ").or_else(|| unknown.rsplit_once("`, ")).unwrap_or((unknown, ""));
        let known = quoted_names(known);
        let detail = if known.is_empty() {
            "is not known here".into()
        } else {
            format!("is not known here; known: {known}").into()
        };
        return (detail, Some(name));
    }
    if let Some((_, known)) = message.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once("expected ")) {
        return (format!("must be one of {}", quoted_names(known)).into(), None);
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) = message.strip_prefix(kind).and_then(|rest| rest.rsplit_once(", expected ")) {
            let expected = expected_type(expected);
            let found = match kind {
                "invalid type: " => json_type(found),
                "invalid length " => "an array",
                // The type is right, and the message names the broken rule.
                _ => "",
            };
            let not = if found.is_empty() { String::new() } else { format!(", not {found}") };
            return (format!("must be {expected}{not}").into(), None);
        }
    }
    (parse_rule(message), None)
}

/// Returns the names between backquotes: `title, content` for "one of `title`, `content`".
fn quoted_names(known: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    names.join(", ")
}

/// Returns the JSON name of the type of a value that serde has found; empty if the type is not known.
fn json_type(found: &str) -> &'static str {
    let starts = |words: &[&str]| words.iter().any(|word| found.starts_with(word));
    match () {
        () if starts(&["null", "unit", "Option"]) => "null",
        () if starts(&["boolean"]) => "a boolean",
        () if starts(&["integer", "number"]) => "a number",
        () if starts(&["floating point"]) => "a fraction",
        () if starts(&["string", "character", "byte array"]) => "a string",
        () if starts(&["sequence", "tuple"]) => "an array",
        () if starts(&["map", "struct", "newtype struct", "enum"]) => "an object",
        () => "",
    }
}

/// Returns the JSON name of the type that serde has expected. A text of our own types stays as it is.
fn expected_type(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" => "a boolean",
        "unit" => "null",
        "option" => "a value or null",
        "a sequence" => "an array",
        "a map" => "an object",
        "a char" | "a character" => "a single character",
        other => match other.split_whitespace().next() {
            Some("struct") => "an object",
            Some("tuple" | "sequence") => "an array",
            Some("enum" | "variant" | "string") => "a string",
            Some("unit") => {
                if other.starts_with("unit variant") {
                    "a string"
                } else {
                    "null"
                }
            }
            Some("field") => "a name",
            _ => other,
        },
    }
}

/// Returns the broken rule for an error of the standard library about a text that is not a number or a boolean. A text
/// that is not known stays as it is.
fn parse_rule(message: &str) -> Cow<'static, str> {
    let text = match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => "must be a whole number",
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "invalid float literal" | "cannot parse float from empty string" => "must be a number",
        "provided string was not `true` or `false`" => "must be true or false",
        other if other.starts_with("data did not match any variant") => "has none of the forms that are known here",
        other => return other.to_owned().into(),
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_rust_is_said() {
        for (message, detail, field) in [
            ("missing field `title`", "is missing", Some("title")),
            ("unknown field `x`, expected `a` or `b`", "is not known here; known: a, b", Some("x")),
            ("unknown field `x`, expected y`, expected `a`", "is not known here; known: a", Some("x`, expected y")),
            ("unknown field `x`y`, expected one of `a`, `b`, `c`", "is not known here; known: a, b, c", Some("x`y")),
            ("unknown field `x`, there are no fields", "is not known here", Some("x")),
            ("duplicate field `a`", "is given twice", Some("a")),
            ("invalid type: integer `1`, expected a string at line 1 column 9", "must be a string, not a number", None),
            ("invalid type: null, expected struct PostIn at line 1 column 4", "must be an object, not null", None),
            ("invalid length 1, expected struct PostIn with 2 elements", "must be an object, not an array", None),
            ("invalid value: integer `-1`, expected u32", "must be a whole number, 0 or more", None),
            ("invalid type: floating point `1.5`, expected i64", "must be a whole number, not a fraction", None),
            ("invalid value: string \"x, expected y\", expected an integer id", "must be an integer id", None),
            ("unknown variant `x`, expected one of `new`, `best`", "must be one of new, best", None),
            ("invalid type: integer `1`, expected string or map", "must be a string, not a number", None),
            ("invalid type: map, expected variant identifier", "must be a string, not an object", None),
            ("invalid type: map, expected unit variant Order::New", "must be a string, not an object", None),
            ("invalid type: sequence, expected unit struct Nothing", "must be null, not an array", None),
            ("invalid type: map, expected tuple struct Pair", "must be an array, not an object", None),
            ("data did not match any variant of untagged enum Kind", "has none of the forms that are known here", None),
            ("invalid digit found in string", "must be a whole number", None),
        ] {
            assert_eq!(translate(message), (detail.into(), field), "{message}");
        }
    }
}
