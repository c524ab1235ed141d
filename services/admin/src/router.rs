//! The flat list of this service's routes.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::{audit, contents, desk, moderation, reports, stats, users};
use crate::state::AppState;

/// Builds the router with its state, and the OpenAPI description of its routes.
pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

/// Lists the routes. The description alone needs no state.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::base_document())
        .routes(routes!(moderation::block_user))
        .routes(routes!(moderation::unblock_user))
        .routes(routes!(contents::list_judged_posts))
        .routes(routes!(contents::get_judged_post, moderation::remove_post))
        .routes(routes!(moderation::restore_post))
        .routes(routes!(contents::list_judged_comments))
        .routes(routes!(contents::get_judged_comment, moderation::remove_comment))
        .routes(routes!(moderation::restore_comment))
        .routes(routes!(stats::get_stats))
        .routes(routes!(users::list_accounts))
        .routes(routes!(contents::get_judged_user))
        .routes(routes!(audit::list_audit))
        .routes(routes!(reports::create_report))
        .routes(routes!(desk::list_cases))
        .routes(routes!(desk::resolve_cases))
        .routes(routes!(desk::reopen_cases))
        .routes(routes!(desk::get_case))
        .routes(routes!(desk::resolve_case))
        .routes(routes!(desk::reopen_case))
}
