//! Auth: people, their credentials and sessions, and the mails that they get.
//!
//! The only service that can sign access tokens. It owns the `user` stream and applies admin's decisions about people.

mod config;
mod error;
mod first_admin;
mod hasher;
mod login;
mod registration;
mod router;
mod sessions;
mod shown;
mod signer;
mod state;
mod user_stream;

mod consumers;
mod db;
mod domain;
mod mail;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use shared::auth::{Accounts, Auth, Keys};
use shared::cache::Cache;
use shared::config::{ConfigError, Environment};
use shared::db::Schema;
use shared::events::{State, Streams};
use shared::http::idempotency;
use shared::lifecycle::{Cancel, Deps, Service};
use tokio::sync::Notify;
use utoipa::openapi::OpenApi;

pub use config::{Config, VARIABLES};
pub use first_admin::{CreateAdminError, create_admin};
pub use mail::check as check_mail;
pub use mail::parked as parked_mails;

use consumers::ModerationUserConsumer;
use db::entities::user;
use db::migrations::Migrator;
use hasher::Hasher;
use mail::{Mailer, Measured};
use shown::ShownUsers;
use signer::Signer;
use state::AppState;
use user_stream::{UserSource, UserState};

/// The service's name.
pub const NAME: &str = "auth";
/// The port of the process of its own.
pub const PORT: u16 = 8000;

/// How often rows that nobody needs any more are deleted.
const TIDY: Duration = Duration::from_secs(3_600);

/// Builds the service, and answers the public keys for services in the same process. Makes the key file when there is none.
///
/// # Errors
/// When the signing key or the mail server's URL cannot be used.
pub fn build(config: Config, mut deps: Deps) -> Result<(Service, Keys), ConfigError> {
    let signer = Signer::open(&config.key_file)?;
    let keys = Keys::fixed(signer.public_keys());
    // Auth verifies by its own key and never asks itself over the network.
    deps.keys = keys.clone();
    let mailer = Mailer::from_config(&config)?;
    let hasher = Hasher::new().map_err(|error| ConfigError::new("argon2", error))?;
    let (wake, mails) = (Arc::new(Notify::new()), Measured::default());
    let details = mails.clone();
    let shown = ShownUsers(Cache::new(deps.settings.cache_max_bytes));
    deps.db.outbox().owned().follow::<UserState>(shown.clone());
    let state = AppState {
        shown: shown.clone(),
        db: deps.db.clone(),
        clock: deps.clock.clone(),
        // Handlers read the account itself, so there is nothing to remember.
        auth: Auth { keys: keys.clone(), accounts: Accounts::default(), clock: deps.clock.clone() },
        hasher: hasher.clone(),
        signer: Arc::new(signer),
        mail_wake: Arc::clone(&wake),
        public_url: config.public_url.as_str().into(),
        dev_mail: matches!(mailer, Mailer::Mailbox),
    };
    let (mail_db, tidy_db, admin_db, answers) = (deps.db.clone(), deps.db.clone(), deps.db.clone(), deps.db.clone());
    let read = deps.db.clone();
    let admin = config.admin;
    let production = deps.settings.environment == Environment::Production;
    let service = Service::new::<Migrator>(NAME, &deps, router::router(state))
        .streams(streams())
        .detail("mails", move || details.details())
        .on_start(async move {
            if production {
                first_admin::refuse_defaults(&admin_db, &hasher).await?;
            }
            first_admin::ensure(&admin_db, &hasher, admin).await;
            Ok(())
        })
        .task("shown", |cancel| shown.0.run(read, shown::FromDatabase, cancel))
        .task("mail", |cancel| mail::run(mail_db, mailer, mails, wake, cancel))
        .task("tidy", |cancel| tidy(tidy_db, cancel))
        .task("idempotency", |cancel| idempotency::tidy(answers, cancel));
    Ok((service, keys))
}

/// Its schema, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<Migrator>()
}

/// The stream that auth owns, and the one that it keeps a copy of.
pub fn streams() -> Streams {
    Streams::default()
        .source(UserSource)
        .versions(user::Column::Version)
        .sequence(UserState::STREAM, user::Column::Id)
        .consumer(ModerationUserConsumer)
}

/// The description of the routes.
pub fn openapi() -> OpenApi {
    router::routes().into_openapi()
}

/// Deletes ended sessions and old mails, now and then.
async fn tidy(db: shared::db::Db, cancel: Cancel) {
    while !cancel.is_cancelled() {
        if let Err(error) = db::queries::tidy(&db).await {
            tracing::warn!(%error, "Old rows could not be deleted; trying again later.");
        }
        tokio::select! { () = tokio::time::sleep(TIDY) => {}, () = cancel.cancelled() => {} }
    }
}
