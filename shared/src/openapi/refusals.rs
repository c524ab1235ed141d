//! The refusals of each operation. They follow from its token, its parameters and its body, because all operations read
//! these by the same extractors.

use axum::http::header;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, Ref, RefOr};

use super::headers::{self, PROBLEM_TYPE};
use super::operations::{IDEMPOTENCY_KEY, has_parameter, needs_token, parameters};
use crate::error::Problem;

/// The refusals that operations share: status or range of statuses, name, description.
const REFUSALS: [(&str, &str, &str); 15] = [
    ("400", "BadRequest", "The request is malformed"),
    ("401", "Unauthorized", "No valid access token"),
    ("403", "Forbidden", "Not allowed for this person, or with this token"),
    ("404", "NotFound", "It does not exist, or is not visible"),
    ("408", "RequestTimeout", "The body did not arrive in time"),
    ("409", "Conflict", "A request with the same `Idempotency-Key` is under way"),
    ("412", "PreconditionFailed", "Another version than the conditions ask for"),
    ("413", "ContentTooLarge", "The body is too large"),
    ("415", "UnsupportedMediaType", "The body has another media type"),
    ("416", "RangeNotSatisfiable", "No byte of the file is in the range"),
    ("422", "UnprocessableContent", "A field breaks a rule"),
    ("429", "TooManyRequests", "Too many requests"),
    ("503", "ServiceUnavailable", "Not available now; nothing was stored"),
    ("4XX", "Problem", "Another refusal"),
    ("5XX", "Failure", "A failure of the server"),
];

/// Adds the shared refusals to the components of a description.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    REFUSALS.iter().fold(components, |components, (status, name, description)| {
        components.response(*name, response(status, description))
    })
}

fn response(status: &str, description: &str) -> Response {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let mut response = ResponseBuilder::new().description(description).content(PROBLEM_TYPE, problem).build();
    headers::complete_refusal(status, &mut response);
    response
}

/// Adds the refusals that the description of an operation does not name itself.
pub(super) fn complete(operation: &mut Operation) {
    let statuses = statuses(operation);
    let responses = &mut operation.responses.responses;
    for (status, name, _) in REFUSALS.iter().filter(|(status, ..)| statuses.contains(status)) {
        responses.entry((*status).to_owned()).or_insert_with(|| RefOr::Ref(Ref::from_response_name(*name)));
    }
}

/// Returns the statuses with which an operation refuses requests, as far as its description tells.
fn statuses(operation: &Operation) -> Vec<&'static str> {
    // Every operation refuses a request that is malformed, comes too often, or comes while the service starts.
    let mut statuses = vec!["400", "429", "503", "4XX", "5XX"];
    let mut add = |applies: bool, more: &[&'static str]| {
        if applies {
            statuses.extend(more);
        }
    };
    add(needs_token(operation), &["401", "403"]);
    add(parameters(operation).any(|one| one.parameter_in == ParameterIn::Path), &["404"]);
    add(parameters(operation).any(|one| one.parameter_in == ParameterIn::Query), &["422"]);
    add(reads_body(operation), &["408", "413", "415", "422"]);
    add(has_parameter(operation, IDEMPOTENCY_KEY), &["409", "422"]);
    add([header::IF_MATCH, header::IF_NONE_MATCH].iter().any(|name| has_parameter(operation, name.as_str())), &["412"]);
    add(has_parameter(operation, header::RANGE.as_str()), &["416"]);
    statuses
}

/// Returns whether an operation reads a body by the extractors that all services share. Forms without files are
/// read differently.
fn reads_body(operation: &Operation) -> bool {
    let Some(RefOr::T(body)) = &operation.request_body else { return false };
    body.content.keys().any(|media_type| media_type != "application/x-www-form-urlencoded")
}
