//! The OpenAPI description: the base that all services share, and the merge of their parts into one document.

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{FieldError, Problem};

/// Builds the description that every service starts from: title, version, the bearer scheme and the problem.
pub fn base_document() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let problem = ResponseBuilder::new().description("A problem").content("application/problem+json", problem).build();
    let components = ComponentsBuilder::new()
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .schema(Problem::name(), Problem::schema())
        .schema(FieldError::name(), FieldError::schema())
        .response(Problem::name(), problem)
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Chatty")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("A social network: people, posts, comments, likes, feeds and recommendations."))
                .build(),
        )
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

/// Merges the descriptions of services into one. Completes every operation: a problem as its default answer, a
/// description for every response, and the `Link` header for lists with pages.
pub fn merge(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut whole = parts.into_iter().fold(base_document(), OpenApi::merge_from);
    whole.paths.paths.values_mut().flat_map(operations).for_each(complete);
    whole
}

/// Returns the operations of a path, for the methods that Chatty uses.
fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
}

/// Adds what all operations have in common: texts for statuses without one, the header `Link` of a paged list, and the
/// problem as the default response.
fn complete(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = StatusCode::from_bytes(status.as_bytes()).ok();
            response.description = status.and_then(|status| status.canonical_reason()).unwrap_or_default().to_owned();
        }
    }
    let is_paged = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "cursor"));
    if is_paged && let Some(RefOr::T(list)) = responses.get_mut("200") {
        let link = "The next page, with `rel=\"next\"` (RFC 8288); absent on the last one";
        let link = HeaderBuilder::new().description(Some(link)).build();
        list.headers.entry("Link".to_owned()).or_insert(RefOr::T(link));
    }
    let problem = Ref::from_response_name(Problem::name());
    responses.entry("default".to_owned()).or_insert_with(|| RefOr::Ref(problem));
}
