//! The headers of answers.

use axum::http::header;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Object, RefOr};

use super::operations::{has_parameter, is_paged, needs_token};
use super::schemas::{is_nullable, remove_null};

/// The media type of problems.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// Completes the headers of an operation's answers: `Link` of a list with pages, `ETag` of a thing that is read under a
/// condition, and those of refusals. Headers that the operation names itself stay.
pub(super) fn complete(operation: &mut Operation) {
    let is_paged = is_paged(operation);
    let has_tag = has_parameter(operation, header::IF_NONE_MATCH.as_str());
    let is_read = operation.responses.responses.contains_key("304");
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        response.headers.values_mut().for_each(mark);
        if is_paged && status == "200" {
            add(
                response,
                "Link",
                optional(text(), "The next page, with `rel=\"next\"` (RFC 8288); absent on the last one"),
            );
        }
        if has_tag && is_read && ["200", "206", "304"].contains(&status.as_str()) {
            add(response, "ETag", always(text(), "The version, for `If-None-Match`"));
        }
        if status.starts_with('3') && status != "304" {
            add(response, "Location", always(text(), "The address to go to"));
        }
        if response.content.contains_key(PROBLEM_TYPE) {
            complete_refusal(status, response);
        }
    }
}

/// Adds the header with the positions of what was written to the answers of a write that needs a token.
pub(super) fn add_position(operation: &mut Operation) {
    if !needs_token(operation) {
        return;
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            let meaning = "Send it with further requests, so that they are answered from what was written here";
            add(response, "Chatty-Position", optional(text(), meaning));
        }
    }
}

/// Adds the headers that belong to the status of a refusal.
pub(super) fn complete_refusal(status: &str, response: &mut Response) {
    match status {
        "401" => add(response, "WWW-Authenticate", always(text(), "The scheme `Bearer` (RFC 6750)")),
        "403" => add(response, "WWW-Authenticate", optional(text(), "The missing scope, if the token lacks one")),
        "415" => {
            add(response, "Accept", optional(text(), "The media type that is taken"));
            add(response, "Accept-Encoding", optional(text(), "The coding that is taken"));
        }
        "416" => add(response, "Content-Range", always(text(), "The size of the file")),
        "429" => {
            add(response, "Retry-After", always(seconds(), "Seconds until a request may be let through again"));
            add(response, "RateLimit", optional(text(), "The room that is left under each limit"));
            add(response, "RateLimit-Policy", optional(text(), "The limits"));
        }
        "503" => add(response, "Retry-After", always(seconds(), "Seconds after which a repetition makes sense")),
        _ => {}
    }
}

fn add(response: &mut Response, name: &str, header: Header) {
    response.headers.entry(name.to_owned()).or_insert(RefOr::T(header));
}

/// Marks a header that an operation names itself: one that may be absent is written with an `Option`.
fn mark(header: &mut RefOr<Header>) {
    let RefOr::T(header) = header else { return };
    if let Some(schema) = &mut header.schema {
        if is_nullable(schema) {
            remove_null(schema);
        } else {
            require(header);
        }
    }
}

fn always(schema: Object, description: &str) -> Header {
    let mut header = optional(schema, description);
    require(&mut header);
    header
}

fn optional(schema: Object, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// Marks a header as always there. The library's type lacks this field of OpenAPI, and writes other fields as they are.
fn require(header: &mut Header) {
    header.extensions = Some(Extensions::from_iter([("required", true)]));
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn seconds() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
}
