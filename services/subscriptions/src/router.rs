//! All routes of this service.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::{feed, subscriptions};
use crate::state::AppState;

pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::frame())
        .routes(routes!(subscriptions::subscribe))
        .routes(routes!(subscriptions::unsubscribe))
        .routes(routes!(subscriptions::list_followers))
        .routes(routes!(subscriptions::list_following))
        .routes(routes!(subscriptions::list_followed))
        .routes(routes!(feed::get_feed))
}
