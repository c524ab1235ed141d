//! Settings of this service alone.

use std::path::PathBuf;

use shared::config::{ConfigError, Env, Settings, Variable};

/// The variables that this service alone reads, in the words of `--help`.
pub const VARIABLES: &[Variable] =
    &[("MEDIA_URL", "where pictures are kept, file:// only (`media` in the data folder)")];

/// The settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// `MEDIA_URL`: where pictures are stored, `file:///…` (default: `media` in the data folder).
    pub media: PathBuf,
}

impl Config {
    /// Reads them.
    ///
    /// # Errors
    /// When `MEDIA_URL` is no folder.
    pub fn from_env(env: &Env, settings: &Settings) -> Result<Self, ConfigError> {
        let Some(text) = env.get("MEDIA_URL") else { return Ok(Self { media: settings.data_dir.join("media") }) };
        let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "file");
        let media = url.and_then(|url| url.to_file_path().ok());
        let media = media
            .ok_or_else(|| ConfigError::new("MEDIA_URL", "must be a folder such as file:///var/lib/chatty/media"))?;
        Ok(Self { media })
    }
}
