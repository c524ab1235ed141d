//! All routes of this service.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::routes::{comments, likes, media, posts, sent};
use crate::state::AppState;

pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::frame())
        .routes(routes!(posts::create_post, posts::list_posts).layer(DefaultBodyLimit::max(sent::MULTIPART)))
        .routes(routes!(posts::get_post, posts::update_post, posts::delete_post))
        .routes(routes!(posts::count_view))
        .routes(routes!(comments::create_comment, comments::list_comments))
        .routes(routes!(comments::update_comment, comments::delete_comment))
        .routes(routes!(likes::like_post, likes::unlike_post, likes::list_likes))
        .routes(routes!(likes::list_liked))
        .routes(routes!(media::get_image))
}
