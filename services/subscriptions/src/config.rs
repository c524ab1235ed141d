//! The settings that only this service has.

use shared::config::{ConfigError, Env, NUMBER, Variable};

/// The variables that only this service reads, with their descriptions in `--help`.
pub const VARIABLES: &[Variable] =
    &[("FEED_MAX_POSTS", "how many of the newest posts are kept in memory for feeds (1000000)")];

/// The settings of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `FEED_MAX_POSTS`: the number of newest posts that are kept in memory for feeds, about 60 bytes each. Older posts
    /// are read from the database. The default is 1 000 000.
    pub feed_max_posts: usize,
}

impl Config {
    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// When `FEED_MAX_POSTS` is not a number.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self { feed_max_posts: env.parse("FEED_MAX_POSTS", NUMBER)?.unwrap_or(1_000_000) })
    }
}
