//! The state that all handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::auth::{Auth, Keys};
use shared::config::ConfigError;
use shared::service::Deps;
use shared::work::Db;

use crate::archives::Archives;
use crate::config::Config;
use crate::credentials::{Hasher, Passkeys, Signer};
use crate::domain::joining::Joining;
use crate::mail::MailQueue;
use crate::memory::ShownUsers;

/// The state of the service. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) db: Db,
    /// The verification of access tokens.
    pub(crate) auth: Auth,
    /// The public profiles, in the form in which they are answered.
    pub(crate) shown: ShownUsers,
    /// The threads that hash passwords.
    pub(crate) hasher: Hasher,
    /// The private keys, which sign access tokens.
    pub(crate) signer: Arc<Signer>,
    /// The passkeys of this installation.
    pub(crate) passkeys: Arc<Passkeys>,
    /// The queue of outgoing mails.
    pub(crate) mails: MailQueue,
    /// The archives of people's data.
    pub(crate) archives: Archives,
    /// The rules of joining.
    pub(crate) joining: Arc<Joining>,
    /// True when the number of wrong passwords for a username is limited.
    pub(crate) limits_logins: bool,
    /// The public URL of this installation: scheme and host, without a slash at the end.
    pub(crate) public_url: Arc<str>,
    /// The name of this installation in authenticator apps: the host of its public URL.
    pub(crate) issuer: Arc<str>,
    /// True when mails go to the development mailbox, so that `/dev/mail` exists.
    pub(crate) has_mailbox: bool,
}

impl AppState {
    /// Reads or creates the signing key and starts the hashing threads.
    ///
    /// # Errors
    /// When the signing key cannot be used, or there are no threads.
    pub(crate) fn new(config: &Config, deps: &Deps) -> Result<Self, ConfigError> {
        let signer = Signer::open(&config.key_file)?.with_admins_need_factor(config.admins_need_factor);
        // Tokens are verified with the keys in this process, because the service must not ask itself for them over the
        // network. The verification knows no accounts and sessions, because the handlers read them from the tables.
        let keys = Keys::fixed(&signer.public_keys(deps.clock.now()));
        let auth = Auth::new(keys, deps.clock.clone());
        Ok(Self {
            db: deps.db.clone(),
            auth,
            shown: ShownUsers::new(deps.settings.cache_max_bytes),
            hasher: Hasher::new().map_err(|error| ConfigError::new("argon2", error))?,
            signer: Arc::new(signer),
            passkeys: Arc::new(Passkeys::new(&config.public_url)),
            mails: MailQueue::new(&config.public_url),
            archives: Archives::new(&deps.settings.data_dir),
            joining: Arc::new(config.joining.clone()),
            limits_logins: deps.settings.rate_limit,
            public_url: config.public_url.as_str().into(),
            issuer: host_of(&config.public_url).into(),
            has_mailbox: config.smtp.is_none(),
        })
    }
}

/// Returns the host of a URL, with its port if it has one.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
