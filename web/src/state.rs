//! The state that all pages share.

use std::sync::Arc;

use axum_extra::extract::cookie::Key;
use shared::clock::Clock;
use shared::config::{Environment, Settings};
use shared::http::Peers;

use crate::assets::Assets;
use crate::config::Config;
use crate::text::Languages;

/// The state of the pages. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Shared>);

/// The parts of [`AppState`].
pub(crate) struct Shared {
    /// The way to the API.
    pub(crate) peers: Peers,
    /// The keys of cookies, the current one first.
    pub(crate) keys: Vec<Key>,
    /// True if cookies may only travel over HTTPS.
    pub(crate) secure: bool,
    /// True if the development mailbox exists.
    pub(crate) has_mailbox: bool,
    /// The beginning of the addresses that people share, without a slash at the end.
    pub(crate) public_url: String,
    /// The clock.
    pub(crate) clock: Clock,
    /// The words in all languages.
    pub(crate) languages: Languages,
    /// Styles, modules and icons.
    pub(crate) assets: Assets,
}

impl AppState {
    /// Creates the state.
    pub(crate) fn new(config: Config, settings: &Settings, peers: Peers) -> Self {
        Self(Arc::new(Shared {
            peers,
            keys: config.keys,
            secure: settings.environment == Environment::Production,
            has_mailbox: config.has_mailbox,
            public_url: settings.public_url.clone(),
            clock: Clock::system(),
            languages: Languages::load(),
            assets: Assets::load(),
        }))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
