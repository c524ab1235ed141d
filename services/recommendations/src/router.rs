//! All routes of this service.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::recommendations;
use crate::state::AppState;

pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::frame())
        .routes(routes!(recommendations::recommend_posts))
        .routes(routes!(recommendations::recommend_users))
        .routes(routes!(recommendations::explain_post))
}
