//! Settings of this service alone.

use shared::config::{ConfigError, Env, NUMBER, Variable};

/// The variables that this service alone reads, in the words of `--help`.
pub const VARIABLES: &[Variable] =
    &[("FEED_MAX_POSTS", "how many of the newest posts are kept in memory for feeds (1000000)")];

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// `FEED_MAX_POSTS`: how many of the newest posts the feed is read from in memory, about 60 bytes each; older ones are
    /// read from the database (default 1 000 000).
    pub feed_max_posts: usize,
}

impl Config {
    /// Reads them.
    ///
    /// # Errors
    /// When `FEED_MAX_POSTS` is no number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self { feed_max_posts: env.parse("FEED_MAX_POSTS", NUMBER)?.unwrap_or(1_000_000) })
    }
}
