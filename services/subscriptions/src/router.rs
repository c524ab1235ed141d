//! The flat list of this service's routes.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::routes::{blocks, feed, live, mutes, notifications, subscriptions};
use crate::state::AppState;

/// Builds the router with its state, and the OpenAPI description of its routes.
pub(crate) fn router(state: AppState) -> (Router, OpenApi) {
    routes().with_state(state).split_for_parts()
}

/// Lists the routes. The description alone needs no state.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(shared::openapi::base_document())
        .routes(routes!(subscriptions::subscribe))
        .routes(routes!(subscriptions::unsubscribe))
        .routes(routes!(subscriptions::list_followers))
        .routes(routes!(subscriptions::list_following))
        .routes(routes!(subscriptions::list_followed))
        .routes(routes!(feed::get_feed))
        .routes(routes!(live::open_stream))
        .routes(routes!(mutes::mute_user, mutes::unmute_user))
        .routes(routes!(mutes::list_mutes))
        .routes(routes!(blocks::block_person, blocks::unblock_person))
        .routes(routes!(blocks::list_blocks))
        .routes(routes!(notifications::list_notifications))
        .routes(routes!(notifications::count_unread))
        .routes(routes!(notifications::mark_read))
        .routes(routes!(notifications::get_notification_settings, notifications::set_notification_settings))
}
