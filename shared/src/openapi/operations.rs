//! The text and the rights of each operation, and its parameters.

use axum::http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};

use super::schemas::remove_null;

/// The header with the key of a write that may be repeated.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The sentence about an operation that anybody may call.
const PUBLIC: &str = "Needs no access token.";
/// The sentence about an operation with a bearer token.
const WITH_TOKEN: &str = "Needs an access token.";
/// The sentence about an operation that takes a key.
const WITH_KEY: &str =
    "A request that is repeated with the same `Idempotency-Key` within 24 hours gets the first answer again.";
/// The sentence about a list with pages.
const WITH_PAGES: &str = "The list comes in pages: `next` of one page is the `cursor` of the next one.";

/// Completes an operation: who may call it, as a field and in words; statuses in words; parameters that are absent
/// instead of null.
pub(super) fn complete(operation: &mut Operation) {
    let needs_token = needs_token(operation);
    if !needs_token {
        // An absent list would leave open whether the description has forgotten it.
        operation.security = Some(Vec::new());
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
            remove_null(schema);
        }
    }
    let own = operation.description.take();
    let sentences = [
        Some(if needs_token { WITH_TOKEN } else { PUBLIC }),
        has_parameter(operation, IDEMPOTENCY_KEY).then_some(WITH_KEY),
        is_paged(operation).then_some(WITH_PAGES),
    ];
    let sentences = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    operation.description = Some(own.map_or_else(|| sentences.clone(), |own| format!("{own}\n\n{sentences}")));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = StatusCode::from_bytes(status.as_bytes()).ok();
            response.description = status.and_then(|status| status.canonical_reason()).unwrap_or_default().to_owned();
        }
    }
}

/// Returns whether an operation needs an access token.
pub(super) fn needs_token(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|required| !required.is_empty())
}

/// Returns whether an operation has a parameter with this name, in any part of the request but the path.
pub(super) fn has_parameter(operation: &Operation, name: &str) -> bool {
    parameters(operation).any(|one| one.parameter_in != ParameterIn::Path && one.name.eq_ignore_ascii_case(name))
}

/// Returns whether an operation answers with pages of a list.
pub(super) fn is_paged(operation: &Operation) -> bool {
    has_parameter(operation, "cursor")
}

/// Returns the parameters of an operation.
pub(super) fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    let parameters = operation.parameters.iter().flatten();
    parameters.filter_map(|parameter| if let RefOr::T(parameter) = parameter { Some(parameter) } else { None })
}

/// Returns the operations of a path, for the methods that Chatty uses.
pub(super) fn of_mut(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
}

/// Returns those of them that write.
pub(super) fn writes_mut(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
}

/// The operations of a path, to be read.
pub(super) fn of(path: &PathItem) -> impl Iterator<Item = &Operation> {
    [&path.get, &path.post, &path.put, &path.patch, &path.delete].into_iter().flatten()
}
