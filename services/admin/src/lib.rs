//! The admin service: reports and the moderation desk, decisions, the audit log, and statistics.
//!
//! The program and the one-process suite use [`build`]; the operator's tools use [`streams()`] and [`schema`].

mod actions;
mod alerts;
mod answers;
mod consumers;
mod db;
mod domain;
mod error;
mod router;
mod routes;
mod state;
mod streams;

use shared::auth::{Accounts, EndedSessions};
use shared::db::Schema;
use shared::erasure::run_erasures;
use shared::events::Streams;
use shared::http::idempotency;
use shared::service::{Deps, Service};

use actions::{ExportedDecisions, PersonalDecisions, run_block_ends};

/// The service's name.
pub const NAME: &str = "admin";
/// The port that the service listens on by default.
pub const PORT: u16 = 8003;

/// Builds the service, which has no settings of its own. It binds no port and connects to nothing yet.
pub fn build(deps: Deps) -> Service {
    let state = state::AppState::new(&deps);
    let (auth, ended) = (state.auth.clone(), state.auth.ended_sessions.clone());
    let db = || deps.db.clone();
    let (blocks, erased, sessions, answers) = (db(), db(), db(), db());
    let streams = register_streams(state.auth.accounts.clone(), ended.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .export(auth, ExportedDecisions)
        .task("block_ends", |cancel| run_block_ends(blocks, cancel))
        .task("erasures", |cancel| run_erasures(PersonalDecisions, erased, cancel))
        .task("ended_sessions", |cancel| ended.run_upkeep(sessions, cancel))
        .task("idempotency", |cancel| idempotency::run_upkeep(answers, cancel))
}

/// Describes the API of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// Describes the schema of this service's database, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// Lists the streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    register_streams(Accounts::default(), EndedSessions::default())
}

fn register_streams(accounts: Accounts, ended: EndedSessions) -> Streams {
    consumers::register(streams::register(Streams::default()), accounts, ended)
}
