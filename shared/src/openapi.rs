//! The API's description: what all services have in common, and how their parts become one document.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

/// The frame of every service's description: title, version and the bearer scheme.
pub fn frame() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Chatty")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("A social network: people, posts, comments, likes, feeds and recommendations."))
                .build(),
        )
        .components(Some(ComponentsBuilder::new().security_scheme("bearer", SecurityScheme::Http(bearer)).build()))
        .build()
}

/// One document of several.
pub fn merge(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    parts.into_iter().fold(frame(), OpenApi::merge_from)
}
