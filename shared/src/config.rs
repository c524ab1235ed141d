//! Settings: environment variables, read once, validated, named in every complaint.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{DirBuilder, Permissions};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// A variable that stops the start.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl ConfigError {
    /// Complains about a variable.
    pub fn new(variable: &'static str, reason: impl Display) -> Self {
        Self { variable, reason: reason.to_string() }
    }
}

/// The environment of the process, or one that a test made up. An empty variable counts as not set.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// The process's own environment.
    pub fn of_process() -> Self {
        Self(std::env::vars().collect())
    }

    /// A made-up environment.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// The same environment with one variable set.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A variable's value, when it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that must be set.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::new(name, "must be set"))
    }

    /// A variable that parses, if it is set.
    ///
    /// # Errors
    /// When it is set and does not parse.
    pub fn parse<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T::Err: Display,
    {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|error| ConfigError::new(name, format!("`{value}` is not valid: {error}")))
    }

    /// A secret, if it is set.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }
}

/// `CHATTY_ENV`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// On one's own machine: default admin, development mailbox, loopback only.
    #[default]
    Development,
    /// In the open: no default secret, no development mailbox.
    Production,
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("use `development` or `production`"),
        }
    }
}

/// The settings that all five services have.
#[derive(Clone)]
pub struct Settings {
    /// `CHATTY_LISTEN`: where HTTP is served.
    pub listen: SocketAddr,
    /// `CHATTY_SOCKET`: a Unix socket where HTTP is served too, for a gateway on the same machine; absent: none.
    pub socket: Option<PathBuf>,
    /// `CHATTY_DATA_DIR`: databases, pictures and cached keys (default `./chatty-data`).
    pub data_dir: PathBuf,
    /// `CHATTY_ENV`.
    pub environment: Environment,
    /// `PUBLIC_URL`: what links in mails begin with, without a slash at the end. Never taken from a request.
    pub public_url: String,
    /// `DATABASE_URL`: Postgres, with several hosts if it has standbys; absent: a SQLite file in the data folder.
    pub database_url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS`: all pools of one replica together, at least 5 (default 6).
    pub database_max_connections: u32,
    /// `AMQP_URL`: RabbitMQ, all nodes of a cluster with commas between them; absent: the in-process broker.
    pub amqp_url: Option<SecretString>,
    /// `AUTH_JWKS_URL`: where the public keys are; absent in the one-process suite.
    pub jwks_url: Option<String>,
    /// `OUTBOX_MAX_ROWS`: writes are refused with 503 while more events than this wait for the broker (default 1 000 000).
    pub outbox_max_rows: u64,
    /// `COMPARE_SECONDS`: how often copies are compared with their owners, a part at a time, from 1 (default 60).
    pub compare_every: Duration,
    /// `CACHE_MAX_MIB`: what the cache of answers of one service may take (default 64).
    pub cache_max_bytes: u64,
}

impl Settings {
    /// Makes the data folder if it is not there. It is the owner's alone: it holds hashes, links and the signing key.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create_data_dir(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir)?;
        std::fs::set_permissions(&self.data_dir, Permissions::from_mode(0o700))
    }

    /// Reads them; `port` is the service's own port when `CHATTY_LISTEN` is not set.
    ///
    /// # Errors
    /// A variable that is not valid, or a combination that is not safe.
    pub fn from_env(env: &Env, port: u16) -> Result<Self, ConfigError> {
        let listen = env.parse("CHATTY_LISTEN")?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)));
        let environment = env.parse("CHATTY_ENV")?.unwrap_or_default();
        let inside_container = env.get("CHATTY_BEHIND_GATEWAY").is_some();
        if environment == Environment::Development && !listen.ip().is_loopback() && !inside_container {
            return Err(ConfigError::new(
                "CHATTY_LISTEN",
                "development mode has a default admin and listens on loopback only; set CHATTY_ENV=production for a public address",
            ));
        }
        let public_url = env.get("PUBLIC_URL").map_or_else(|| format!("http://{listen}"), str::to_owned);
        if !url::Url::parse(&public_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(ConfigError::new("PUBLIC_URL", "must be a URL such as https://chatty.example"));
        }
        let connections = env.parse("DATABASE_MAX_CONNECTIONS")?.unwrap_or(6);
        if connections < 5 {
            return Err(ConfigError::new("DATABASE_MAX_CONNECTIONS", "must be at least 5"));
        }
        if let Some(url) = env.get("DATABASE_URL") {
            crate::db::host_urls(url).map_err(|error| ConfigError::new("DATABASE_URL", error))?;
        }
        for url in env.get("AMQP_URL").into_iter().flat_map(|urls| urls.split(',')) {
            if !url::Url::parse(url).is_ok_and(|url| url.scheme() == "amqp") {
                let reason = "must be a URL such as amqp://user:password@host, or several with commas between them";
                return Err(ConfigError::new("AMQP_URL", reason));
            }
        }
        let compare_every = env.parse::<NonZeroU16>("COMPARE_SECONDS")?.map_or(60, |seconds| u64::from(seconds.get()));
        let compare_every = Duration::from_secs(compare_every);
        Ok(Self {
            listen,
            socket: env.get("CHATTY_SOCKET").map(PathBuf::from),
            data_dir: env.get("CHATTY_DATA_DIR").unwrap_or("chatty-data").into(),
            environment,
            public_url: public_url.trim_end_matches('/').to_owned(),
            database_url: env.secret("DATABASE_URL"),
            database_max_connections: connections,
            amqp_url: env.secret("AMQP_URL"),
            jwks_url: env.get("AUTH_JWKS_URL").map(str::to_owned),
            outbox_max_rows: env.parse("OUTBOX_MAX_ROWS")?.unwrap_or(1_000_000),
            compare_every,
            cache_max_bytes: u64::from(env.parse::<u32>("CACHE_MAX_MIB")?.unwrap_or(64)) * 1024 * 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_named() {
        for (name, value) in [
            ("CHATTY_LISTEN", "nowhere"),
            ("CHATTY_LISTEN", "0.0.0.0:80"),
            ("CHATTY_ENV", "prod"),
            ("PUBLIC_URL", "chatty"),
            ("DATABASE_MAX_CONNECTIONS", "4"),
            ("DATABASE_URL", "not a url"),
            ("DATABASE_URL", "postgres://posts@one,,two/posts_db"),
            ("AMQP_URL", "not a url"),
            ("AMQP_URL", "amqp://one/%2f,two"),
            ("AMQP_URL", "amqp://one/%2f,"),
            ("OUTBOX_MAX_ROWS", "-1"),
            ("COMPARE_SECONDS", "0"),
            ("CACHE_MAX_MIB", "much"),
        ] {
            let error = Settings::from_env(&Env::of([(name, value)]), 8000).err().expect(name);
            assert_eq!(error.variable, name);
        }
        assert!(
            Settings::from_env(&Env::of([("CHATTY_ENV", "production"), ("CHATTY_LISTEN", "0.0.0.0:80")]), 1).is_ok()
        );
    }
}
