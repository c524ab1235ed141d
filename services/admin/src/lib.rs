//! Moderation decisions, the audit log, and statistics.

mod consumers;
mod db;
mod domain;
mod error;
mod reports;
mod router;
mod routes;
mod state;

use shared::auth::Accounts;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

use db::queries::decisions;

/// The service's name.
pub const NAME: &str = "admin";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8003;

/// Builds the service; nothing is bound or connected yet. It has no settings of its own.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let streams = streams_with(state.auth.accounts.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state)).streams(streams)
}

/// The description of its API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    streams_with(Accounts::default())
}

fn streams_with(accounts: Accounts) -> Streams {
    let sources =
        Streams::default().source(decisions::OnUsers).source(decisions::OnPosts).source(decisions::OnComments);
    consumers::register(sources, accounts)
}
