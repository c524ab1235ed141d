//! Who follows whom, and the feed.

mod consumers;
mod db;
mod domain;
mod error;
mod router;
mod routes;
mod state;

use shared::auth::Accounts;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

/// The service's name.
pub const NAME: &str = "subscriptions";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8002;

/// Builds the service; nothing is bound or connected yet. It has no settings of its own.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let streams = consumers::register(Streams::default(), state.auth.accounts.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state)).streams(streams)
}

/// The description of its API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    consumers::register(Streams::default(), Accounts::default())
}
