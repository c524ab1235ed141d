//! The settings that this service alone reads, from environment variables.

use std::path::PathBuf;

use shared::config::{ConfigError, Env, Settings, Variable};

/// The variables that this service alone reads, with their texts for `--help`.
pub const VARIABLES: &[Variable] =
    &[("MEDIA_URL", "where pictures are kept, file:// only (`media` in the data folder)")];

/// The settings of this service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `MEDIA_URL`: the folder of the pictures, as `file:///…`. The default is `media` in the data folder.
    pub media: PathBuf,
}

impl Config {
    /// Reads the settings of this service.
    ///
    /// # Errors
    /// When `MEDIA_URL` is not the URL of a folder.
    pub fn from_env(env: &Env, settings: &Settings) -> Result<Self, ConfigError> {
        let Some(text) = env.get("MEDIA_URL") else { return Ok(Self { media: settings.data_dir.join("media") }) };
        let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "file");
        let media = url.and_then(|url| url.to_file_path().ok());
        let media = media
            .ok_or_else(|| ConfigError::new("MEDIA_URL", "must be a folder such as file:///var/lib/chatty/media"))?;
        Ok(Self { media })
    }
}
