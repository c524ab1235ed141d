//! The list of all routes, and nothing else.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::routes::{MAX_FORM_BYTES, avatars, comments, feeds, likes, media, own, posts};
use crate::state::AppState;

/// The router with its state, and the OpenAPI description of the same routes.
pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

/// The routes without their state.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::base_document())
        .routes(routes!(posts::create_post, posts::list_posts).layer(DefaultBodyLimit::max(MAX_FORM_BYTES)))
        .routes(routes!(posts::get_post, posts::update_post, posts::delete_post))
        .routes(routes!(posts::count_view))
        .routes(routes!(comments::create_comment, comments::list_comments))
        .routes(routes!(comments::update_comment, comments::delete_comment))
        .routes(routes!(likes::like_post, likes::unlike_post, likes::list_likes))
        .routes(routes!(likes::list_liked))
        .routes(routes!(media::upload_picture).layer(DefaultBodyLimit::max(MAX_FORM_BYTES)))
        .routes(routes!(media::get_image))
        .routes(
            routes!(avatars::set_avatar, avatars::remove_avatar, avatars::get_avatar)
                .layer(DefaultBodyLimit::max(MAX_FORM_BYTES)),
        )
        .routes(routes!(feeds::get_atom_feed))
        .routes(routes!(feeds::get_json_feed))
        .routes(routes!(feeds::get_author_atom_feed))
        .routes(routes!(feeds::get_author_json_feed))
        .routes(routes!(feeds::get_tag_atom_feed))
        .routes(routes!(feeds::get_tag_json_feed))
        .routes(routes!(own::list_own_posts))
        .routes(routes!(own::list_own_comments))
        .routes(routes!(own::list_own_likes))
        .routes(routes!(own::bookmark_post, own::unbookmark_post))
        .routes(routes!(own::list_bookmarks))
}
