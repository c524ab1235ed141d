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
use shared::db::Schema;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

use db::entities;
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

/// Its schema, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    streams_with(Accounts::default())
}

fn streams_with(accounts: Accounts) -> Streams {
    let sources =
        Streams::default().source(decisions::OnUsers).source(decisions::OnPosts).source(decisions::OnComments);
    consumers::register(issued(sources), accounts)
}

/// Where versions and ids are kept, for restores. A target's id counts for each kind: one number too many does no harm.
fn issued(streams: Streams) -> Streams {
    use entities::{audit, comments, counts, decisions, posts, users};
    let targets = ["user", "post", "comment"].into_iter().fold(streams, |streams, stream| {
        streams.mentions(stream, decisions::Column::TargetId).mentions(stream, audit::Column::TargetId)
    });
    targets
        .versions(decisions::Column::Version)
        .mentions("user", decisions::Column::ActorId)
        .mentions("user", audit::Column::ActorId)
        .mentions("user", users::Column::Id)
        .mentions("post", posts::Column::Id)
        .mentions("post", counts::Column::Id)
        .mentions("comment", comments::Column::Id)
}
