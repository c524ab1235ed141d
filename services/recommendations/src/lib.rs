//! The recommendations service: posts worth reading and people with the same taste, computed from everybody's likes.
//! The service owns no data: all that it knows are copies of other services' states.
//!
//! The program and the one-process suite use [`build`]; the operator's tools use [`streams()`] and [`schema`], and the
//! benchmark uses [`domain`].

mod actions;
mod answers;
mod consumers;
mod db;
pub mod domain;
mod error;
mod memory;
mod router;
mod routes;
mod state;
mod streams;

use shared::auth::{Accounts, EndedSessions, PersonalBlocks};
use shared::cache::Cache;
use shared::db::Schema;
use shared::erasure::run_erasures;
use shared::events::Streams;
use shared::service::{Deps, Service};

use actions::{CopiedData, ExportedLikes};
use memory::matrix::{Matrix, Posts};
use memory::shown::PostLoader;

/// The service's name.
pub const NAME: &str = "recommendations";
/// The port that the service listens on by default.
pub const PORT: u16 = 8004;

/// Builds the service. It binds no port and connects to nothing yet.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let (shown, db) = (state.recommender.shown.clone(), deps.db.clone());
    let posts = Posts { matrix: state.recommender.matrix.clone(), shown: shown.clone() };
    let (ended, ended_db, erased_db) = (state.auth.ended_sessions.clone(), deps.db.clone(), deps.db.clone());
    let auth = state.auth.clone();
    let streams =
        register_streams(posts, state.auth.accounts.clone(), ended.clone(), state.auth.personal_blocks.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .export(auth, ExportedLikes)
        .task("erasures", |cancel| run_erasures(CopiedData, erased_db, cancel))
        .task("ended_sessions", |cancel| ended.run_upkeep(ended_db, cancel))
        .task("shown", |cancel| shown.run(db, PostLoader, cancel))
}

/// Describes the API of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// Describes the schema of this service's database, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// Lists the streams of this service, for the operator's tools. The memories of these streams stay empty.
pub fn streams() -> Streams {
    register_streams(
        Posts { matrix: Matrix::default(), shown: Cache::new(0) },
        Accounts::default(),
        EndedSessions::default(),
        PersonalBlocks::default(),
    )
}

fn register_streams(posts: Posts, accounts: Accounts, ended: EndedSessions, blocks: PersonalBlocks) -> Streams {
    consumers::register(streams::register(Streams::default()), posts, accounts, ended, blocks)
}
