//! The OpenAPI description: the base that all services share, and the merge of their parts into one document.
//!
//! Handlers describe only what no other place knows. The rest follows from it when the parts are merged: refusals from
//! the parameters and the body of an operation (`refusals`), headers of answers (`headers`), fields that are always
//! there (`answers`), and examples of requests (`examples`). So a new operation is described in full, and all
//! operations are described alike.

mod answers;
mod examples;
mod headers;
mod operations;
mod refusals;
mod schemas;
mod tags;

use std::collections::BTreeSet;

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{FieldError, Problem};

/// The introduction to the API.
const INTRODUCTION: &str = "A social network: people, posts, comments, likes, feeds and recommendations.

Bodies are JSON unless an operation says otherwise, times are UTC, and ids are integers. Log in by `POST /auth/login`, and send the \
`token` of the answer as `Authorization: Bearer TOKEN`. A list is answered in pages: `limit` is the size of a page, and `next` of \
one page is the `cursor` of the next one, which the header `Link` names too. Failures are problems (RFC 9457) with a stable `code`; \
`type` is the path of a page that explains it, and `/docs/problems` lists them all. The answer to a write may have the header \
`Chatty-Position`: a client that sends it back with its next requests is answered by all services from what it has written. Fields and codes may be added: clients ignore what they do not know.";

/// Builds the description that every service starts from: title, version, the bearer scheme and the problems.
pub fn base_document() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let bearer = bearer.description(Some("The `token` of a login, or an `access_token` of `POST /auth/token`")).build();
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .schema(Problem::name(), Problem::schema())
        .schema(FieldError::name(), FieldError::schema());
    let components = refusals::components(components).build();
    let license = LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build();
    let contact = ContactBuilder::new().name(Some("The operators of this installation")).build();
    let info = InfoBuilder::new().title("Chatty").version(env!("CARGO_PKG_VERSION")).description(Some(INTRODUCTION));
    // A description that names no host fits every installation: `/` is the host that the description comes from.
    let server =
        ServerBuilder::new().url("/").description(Some("The installation that serves this description")).build();
    OpenApiBuilder::new()
        .info(info.license(Some(license)).contact(Some(contact)).build())
        .servers(Some([server]))
        .components(Some(components))
        .build()
}

/// The description of an id in a query. An integer that no id can be is no mistake there: it finds nothing. So there is no
/// format, which would promise a range.
pub struct IdInQuery;

impl PartialSchema for IdInQuery {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).into()
    }
}

impl ToSchema for IdInQuery {}

/// Merges the descriptions of services into one, and completes it.
pub fn merge(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut whole = parts.into_iter().fold(base_document(), OpenApi::merge_from);
    let mut components = whole.components.take().unwrap_or_default();
    answers::require_fields(&whole.paths, &mut components);
    let mut used = BTreeSet::new();
    for operation in whole.paths.paths.values_mut().flat_map(operations::of_mut) {
        operations::complete(operation);
        refusals::complete(operation);
        headers::complete(operation);
        examples::complete(operation, &components);
        used.extend(operation.tags.iter().flatten().cloned());
    }
    for operation in whole.paths.paths.values_mut().flat_map(operations::writes_mut) {
        headers::add_position(operation);
    }
    whole.tags = Some(tags::describe(&used));
    whole.components = Some(components);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_about_an_empty_api_fits_every_installation() {
        let whole = serde_json::to_value(merge([])).unwrap();
        assert_eq!(whole["servers"][0]["url"], "/");
        assert_eq!(whole["info"]["license"]["identifier"], "MIT");
        let codes = whole["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), crate::problems::kinds().count());
    }
}
