//! Settings of this service: none beyond the common ones.

use shared::config::{ConfigError, Env, Settings};

/// What the service is configured with.
#[derive(Clone, Debug, Default)]
pub struct Config {}

impl Config {
    /// Reads the service's own variables; there are none, so it never fails.
    ///
    /// # Errors
    /// None.
    pub fn from_env(_env: &Env, _settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {})
    }
}
