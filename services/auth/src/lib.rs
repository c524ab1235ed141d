//! Auth: accounts, their credentials and sessions, and the mails to their owners.
//!
//! It is the only service that can sign access tokens. It owns the stream `user` and applies admin's decisions about
//! people.

mod config;
mod error;
mod router;
mod state;

mod routes;

mod actions;
mod consumers;
mod memory;

mod answers;
mod streams;

mod archives;
mod credentials;
mod mail;

mod db;
mod domain;

use shared::auth::{Keys, PersonalBlocks};
use shared::clock::Clock;
use shared::config::{ConfigError, Environment};
use shared::db::Schema;
use shared::events::Streams;
use shared::http::idempotency;
use shared::service::{Deps, Service};

pub use actions::{
    CreateAdminError, KeyState, KeysError, ResetTwoFactorError, create_admin, list_keys, request_key, reset_two_factor,
};
pub use config::{Config, NAME, PORT, VARIABLES};
pub use mail::check as check_mail;
pub use mail::parked as parked_mails;

use actions::{DigestMaker, ExportMaker};
use mail::{Mailer, Measured};
use memory::UserLoader;
use state::AppState;
use streams::user::UserState;

/// Builds the service, and returns it with the public keys, with which services in the same process verify tokens. It
/// creates the key file when there is none, but binds no port and connects to nothing yet.
///
/// # Errors
/// When the signing key or the mail server's URL cannot be used.
pub fn build(config: Config, mut deps: Deps) -> Result<(Service, Keys), ConfigError> {
    let state = AppState::new(&config, &deps)?;
    let (mailer, measured) = (Mailer::from_config(&config)?, Measured::default());
    let (keys, blocks) = (state.auth.keys.clone(), state.auth.personal_blocks.clone());
    // The health check must look at the keys that the service really uses.
    deps.keys = keys.clone();
    // From now on every commit of a `user` state reaches the cache before its request is answered.
    deps.db.outbox().own_memories().follow::<UserState>(state.shown.clone());
    let [start_db, shown_db, mail_db, tidy_db, answers_db, keys_db] = std::array::from_fn(|_| deps.db.clone());
    let [start_keys, followed_keys] = std::array::from_fn(|_| keys.clone());
    let [start_signer, signer] = std::array::from_fn(|_| state.signer.clone());
    let (shown, hasher, mails, details) =
        (state.shown.clone(), state.hasher.clone(), state.mails.clone(), measured.clone());
    let exports = ExportMaker {
        db: deps.db.clone(),
        signer: state.signer.clone(),
        peers: deps.peers.clone(),
        archives: state.archives.clone(),
    };
    let digests = DigestMaker {
        db: deps.db.clone(),
        signer: state.signer.clone(),
        peers: deps.peers.clone(),
        mails: state.mails.clone(),
    };
    let is_production = deps.settings.environment == Environment::Production;
    let service = Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .strict_paths(router::STRICT)
        .streams(streams_by(deps.clock.clone(), blocks))
        .detail("mails", move || details.details())
        .on_start(async move {
            if is_production {
                actions::refuse_default_passwords(&start_db, &hasher).await?;
            }
            actions::ensure_first_admin(&start_db, &hasher, config.admin).await;
            // The keys are loaded before the first request, because other services must not fetch a set without the key
            // that signs now.
            actions::update_keys(&start_db, &start_signer, &start_keys).await.map_err(|error| error.to_string())
        })
        .task("shown", |cancel| shown.cache.run(shown_db, UserLoader, cancel))
        .task("mail", |cancel| mail::run(mail_db, mailer, measured, mails, cancel))
        .task("keys", |cancel| actions::follow_keys(keys_db, signer, followed_keys, cancel))
        .task("exports", |cancel| exports.clone().make(cancel))
        .task("old exports", |cancel| exports.clone().tidy(cancel))
        .task("digests", |cancel| digests.run(cancel))
        .task("tidy", |cancel| actions::tidy(tidy_db, cancel))
        .task("idempotency", |cancel| idempotency::run_upkeep(answers_db, cancel));
    Ok((service, keys))
}

/// The OpenAPI description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// The schema of the database, for the operator's commands.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// The streams that the service publishes and consumes, for the operator's commands.
pub fn streams() -> Streams {
    streams_by(Clock::system(), PersonalBlocks::default())
}

fn streams_by(clock: Clock, blocks: PersonalBlocks) -> Streams {
    consumers::register(streams::register(Streams::default(), clock), blocks)
}
