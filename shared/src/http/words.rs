//! What serde says about a body or a query, in the words of who sent it: JSON's types, and nothing of Rust.

use std::borrow::Cow;

use serde_path_to_error::{Path, Segment};

use crate::error::{FieldError, pointer_token};

/// A complaint of serde with the place that it is about.
pub(super) fn field_error(path: &Path, message: &str) -> FieldError {
    let (detail, field) = translate(message);
    let mut pointer = pointer(path);
    if let Some(field) = field {
        let own = format!("/{}", pointer_token(field));
        // The path of an unknown field has it already.
        if !pointer.ends_with(&own) {
            pointer.push_str(&own);
        }
    }
    FieldError { pointer, detail }
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", pointer_token(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// The rule that is broken, and the field that serde names beside the path.
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
        // The name may hold anything, also what serde says after it.
        let (name, known) =
            unknown.rsplit_once("`, expected ").or_else(|| unknown.rsplit_once("`, ")).unwrap_or((unknown, ""));
        let known = list(known);
        let detail = if known.is_empty() {
            "is not known here".into()
        } else {
            format!("is not known here; known: {known}").into()
        };
        return (detail, Some(name));
    }
    if let Some((_, known)) = message.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once("expected ")) {
        return (format!("must be one of {}", list(known)).into(), None);
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) = message.strip_prefix(kind).and_then(|rest| rest.rsplit_once(", expected ")) {
            let expected = expectation(expected);
            let found = match kind {
                "invalid type: " => json_type(found),
                "invalid length " => "an array",
                // It has the right type and breaks a rule of its own.
                _ => "",
            };
            let not = if found.is_empty() { String::new() } else { format!(", not {found}") };
            return (format!("must be {expected}{not}").into(), None);
        }
    }
    (parsing(message), None)
}

/// `title, content` of "one of `title`, `content`".
fn list(known: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    names.join(", ")
}

/// JSON's word for what serde calls the type of a value.
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

/// JSON's word for what serde expected. What a type of ours says itself stays as it is.
fn expectation(expected: &str) -> &str {
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
            Some("enum" | "variant") => "a string",
            _ => other,
        },
    }
}

/// What the standard library says about a text that is no number.
fn parsing(message: &str) -> Cow<'static, str> {
    let text = match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => "must be a whole number",
        "number too large to fit in target type" => "is too large",
        "number too small to fit in target type" => "is too small",
        "invalid float literal" | "cannot parse float from empty string" => "must be a number",
        "provided string was not `true` or `false`" => "must be true or false",
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
            ("invalid digit found in string", "must be a whole number", None),
        ] {
            assert_eq!(translate(message), (detail.into(), field), "{message}");
        }
    }
}
