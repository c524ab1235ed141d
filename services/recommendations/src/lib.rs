//! Recommendations: posts worth reading and people with the same taste, from what everybody likes. Owns nothing: all it
//! knows are copies of other services' states.

mod consumers;
mod db;
pub mod domain;
mod error;
mod memory;
mod router;
mod routes;
mod shown;
mod state;

use shared::auth::Accounts;
use shared::cache::Cache;
use shared::db::Schema;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

use db::entities::{counts, likes, posts, users};
use memory::{Matrix, Posts};

/// The service's name.
pub const NAME: &str = "recommendations";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8004;

/// Builds the service; nothing is bound or connected yet.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let (shown, db) = (state.shown.clone(), deps.db.clone());
    let posts = Posts { matrix: state.matrix.clone(), shown: shown.clone() };
    let streams = streams_with(posts, state.auth.accounts.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .task("shown", |cancel| shown.run(db, shown::FromDatabase, cancel))
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
    streams_with(Posts { matrix: Matrix::default(), shown: Cache::new(0) }, Accounts::default())
}

fn streams_with(posts: Posts, accounts: Accounts) -> Streams {
    let issued = Streams::default()
        .mentions("user", users::Column::Id)
        .mentions("user", posts::Column::AuthorId)
        .mentions("user", likes::Column::UserId)
        .mentions("post", posts::Column::Id)
        .mentions("post", counts::Column::Id)
        .mentions("post", likes::Column::PostId);
    consumers::register(issued, posts, accounts)
}
