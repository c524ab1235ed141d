//! Recommendations: posts worth reading and people with the same taste, from what everybody likes. Owns nothing: all it
//! knows are copies of other services' states.

mod consumers;
mod db;
mod domain;
mod error;
mod memory;
mod router;
mod routes;
mod state;

use shared::auth::Accounts;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

use memory::Matrix;

/// The service's name.
pub const NAME: &str = "recommendations";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8004;

/// Builds the service; nothing is bound or connected yet.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let streams = consumers::register(Streams::default(), state.matrix.clone(), state.auth.accounts.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state)).streams(streams)
}

/// The description of its API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    consumers::register(Streams::default(), Matrix::default(), Accounts::default())
}
