//! Who follows whom, and the feed.

mod consumers;
mod db;
mod domain;
mod error;
mod router;
mod routes;
mod state;

use shared::auth::Accounts;
use shared::db::Schema;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

use db::entities::{counts, posts, subscriptions, users};

/// The service's name.
pub const NAME: &str = "subscriptions";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8002;

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

/// Its schema, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    streams_with(Accounts::default())
}

fn streams_with(accounts: Accounts) -> Streams {
    let issued = Streams::default()
        .versions(subscriptions::Column::Version)
        .mentions("user", subscriptions::Column::FollowerId)
        .mentions("user", subscriptions::Column::FolloweeId)
        .mentions("user", users::Column::Id)
        .mentions("user", posts::Column::AuthorId)
        .mentions("post", posts::Column::Id)
        .mentions("post", counts::Column::Id);
    consumers::register(issued, accounts)
}
