//! The pages of Chatty: a client of its public API, rendered on the server.
//!
//! The pages own no data. A visitor's session is in an encrypted cookie, and everything else is asked of the API for each
//! page, so any number of replicas serve the same. The program and the one-process suite use [`build`].

mod api;
mod assets;
mod config;
mod error;
mod pages;
mod router;
mod session;
mod state;
mod text;
mod views;
mod visit;

use std::sync::Arc;

use shared::config::{Settings, Variable};
use shared::http::{Pages, Peers};

pub use config::Config;

/// The name of the program.
pub const NAME: &str = shared::services::WEB.name;
/// The port that the program listens on by default.
pub const PORT: u16 = shared::services::WEB.port;
/// The settings that only the pages read, for `--help`.
pub const VARIABLES: &[Variable] = &[
    ("WEB_COOKIE_KEY_FILE", "file of the keys of session cookies, the same for all replicas (in the data folder)"),
    ("AUTH_URL", "where auth is (http://127.0.0.1:8000)"),
    ("POSTS_URL", "where posts is (http://127.0.0.1:8001)"),
    ("SUBSCRIPTIONS_URL", "where subscriptions is (http://127.0.0.1:8002)"),
    ("ADMIN_URL", "where admin is (http://127.0.0.1:8003)"),
    ("RECOMMENDATIONS_URL", "where recommendations is (http://127.0.0.1:8004)"),
];

/// Builds the pages. It binds no port and connects to nothing yet.
pub fn build(config: Config, settings: &Settings, peers: Peers) -> Pages {
    let state = state::AppState::new(config, settings, peers);
    let error_state = state.clone();
    Pages {
        router: router::router(state),
        error_page: Arc::new(move |request, error| pages::error::build(&error_state, request, error)),
    }
}
