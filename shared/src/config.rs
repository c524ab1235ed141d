//! Settings: environment variables, read once, validated, named in every complaint.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lapin::uri::AMQPUri;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::{Host, Url};

/// A variable, and what `--help` says about it.
pub type Variable = (&'static str, &'static str);

/// The variables that every program of the suite reads.
pub const VARIABLES: [Variable; 16] = [
    ("CHATTY_ENV", "`development` (the default) or `production`"),
    ("CHATTY_LISTEN", "address and port to listen on"),
    ("CHATTY_SOCKET", "a Unix socket where HTTP is served too"),
    ("METRICS_LISTEN", "address and port where metrics are told, and then nowhere else"),
    ("CHATTY_BEHIND_GATEWAY", "`yes`: a gateway is the only way in, also in development"),
    ("CHATTY_DATA_DIR", "folder of all that is kept in files (./chatty-data)"),
    ("PUBLIC_URL", "what links in mails begin with (in development http:// and CHATTY_LISTEN)"),
    ("DATABASE_URL", "Postgres; unset: SQLite in the data folder"),
    ("DATABASE_MAX_CONNECTIONS", "connections of one replica, at least 5 (6)"),
    ("AMQP_URL", "RabbitMQ; a service of its own needs it"),
    ("AUTH_JWKS_URL", "where the public keys are; a service of its own needs it"),
    ("COMPARE_SECONDS", "pause between two comparisons of a copy with its owner (60)"),
    ("OUTBOX_MAX_ROWS", "writes are refused while more events wait (1000000)"),
    ("CACHE_MAX_MIB", "what the cache of answers may take (64)"),
    ("RUST_LOG", "filter of the logs"),
    ("SENTRY_DSN", "where errors are reported; unset: nowhere"),
];

/// What may be written where an address is wanted.
const ADDRESS: &str = "an address and a port, such as 127.0.0.1:8080";
/// What may be written where a number is wanted.
pub const NUMBER: &str = "a whole number";

/// Settings of the design that nothing obeys yet, and the one value that is true all the same, in development.
const NOT_BUILT: [(&str, Option<&str>); 2] = [("RATE_LIMIT", Some("off")), ("TRUSTED_PROXIES", None)];

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

    /// A variable that parses, if it is set. `wanted` says to the operator what would.
    ///
    /// # Errors
    /// When it is set and does not parse.
    pub fn parse<T: FromStr>(&self, name: &'static str, wanted: &str) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let bad = |_error| ConfigError::new(name, format!("`{value}` is not valid; use {wanted}"));
        value.parse().map(Some).map_err(bad)
    }

    /// A variable that is `yes` or `no`, the latter unless set.
    ///
    /// # Errors
    /// When it is set to anything else.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.get(name) {
            None | Some("no" | "false" | "off" | "0") => Ok(false),
            Some("yes" | "true" | "on" | "1") => Ok(true),
            Some(value) => Err(ConfigError::new(name, format!("`{value}` is not valid; use `yes` or `no`"))),
        }
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
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(()),
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
    /// `CHATTY_BEHIND_GATEWAY`: all clients come through a gateway, and so from its address.
    pub behind_gateway: bool,
    /// `METRICS_LISTEN`: where health and metrics are told, and then nowhere else; absent: see [`crate::http::Listeners`].
    pub metrics_listen: Option<SocketAddr>,
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
    /// When the folder cannot be made, or written to.
    pub fn create_data_dir(&self) -> Result<(), ConfigError> {
        let folder = &self.data_dir;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)))
            .and_then(|()| require_writable(folder))
            .map_err(|error| ConfigError::new("CHATTY_DATA_DIR", format!("{}: {error}", folder.display())))
    }

    /// Where a program on this machine reaches the one that has these settings. A public URL may lead through a gateway that
    /// is not there yet, or that keeps paths to itself.
    pub fn local_url(&self) -> String {
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.listen.port()))
    }

    /// Reads them; `port` is the service's own port when `CHATTY_LISTEN` is not set.
    ///
    /// # Errors
    /// A variable that is not valid, or a combination that is not safe.
    pub fn from_env(env: &Env, port: u16) -> Result<Self, ConfigError> {
        let listen = env.parse("CHATTY_LISTEN", ADDRESS)?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)));
        let environment = env.parse("CHATTY_ENV", "`development` or `production`")?.unwrap_or_default();
        let behind_gateway = env.switch("CHATTY_BEHIND_GATEWAY")?;
        if environment == Environment::Development && !listen.ip().is_loopback() && !behind_gateway {
            return Err(ConfigError::new(
                "CHATTY_LISTEN",
                "development mode has a default admin and listens on loopback only; set CHATTY_ENV=production for a public address",
            ));
        }
        refuse_what_is_not_built(env, environment)?;
        let public_url = public_url(env, environment, listen)?;
        if env.get("AUTH_JWKS_URL").is_some_and(|url| web_url(url).is_none()) {
            let reason = "must be a URL such as http://127.0.0.1:8000/.well-known/jwks.json";
            return Err(ConfigError::new("AUTH_JWKS_URL", reason));
        }
        env.parse::<EnvFilter>("RUST_LOG", "a filter such as `info` or `info,sqlx=warn`")?;
        if env.get("SENTRY_DSN").is_some_and(|dsn| dsn.parse::<sentry::types::Dsn>().is_err()) {
            return Err(ConfigError::new(
                "SENTRY_DSN",
                "must be a DSN such as https://public-key@sentry.example.org/1",
            ));
        }
        let connections = env.parse("DATABASE_MAX_CONNECTIONS", NUMBER)?.unwrap_or(6);
        if connections < 5 {
            return Err(ConfigError::new("DATABASE_MAX_CONNECTIONS", "must be at least 5"));
        }
        if let Some(url) = env.get("DATABASE_URL") {
            crate::db::check_url(url).map_err(|error| ConfigError::new("DATABASE_URL", error))?;
        }
        for url in env.get("AMQP_URL").into_iter().flat_map(|urls| urls.split(',')) {
            check_amqp(url)?;
        }
        let compare_every = env
            .parse::<NonZeroU16>("COMPARE_SECONDS", "a whole number from 1 to 65535")?
            .map_or(60, |seconds| u64::from(seconds.get()));
        let compare_every = Duration::from_secs(compare_every);
        Ok(Self {
            listen,
            socket: env.get("CHATTY_SOCKET").map(PathBuf::from),
            data_dir: env.get("CHATTY_DATA_DIR").unwrap_or("chatty-data").into(),
            environment,
            behind_gateway,
            metrics_listen: env.parse("METRICS_LISTEN", ADDRESS)?,
            public_url,
            database_url: env.secret("DATABASE_URL"),
            database_max_connections: connections,
            amqp_url: env.secret("AMQP_URL"),
            jwks_url: env.get("AUTH_JWKS_URL").map(str::to_owned),
            outbox_max_rows: env.parse("OUTBOX_MAX_ROWS", NUMBER)?.unwrap_or(1_000_000),
            compare_every,
            cache_max_bytes: u64::from(env.parse::<u32>("CACHE_MAX_MIB", NUMBER)?.unwrap_or(64)) * 1024 * 1024,
        })
    }
}

/// The address in links, without a slash at the end. Tokens travel there, so production wants it encrypted on any network.
fn public_url(env: &Env, environment: Environment, listen: SocketAddr) -> Result<String, ConfigError> {
    let production = environment == Environment::Production;
    let bad = |reason| Err(ConfigError::new("PUBLIC_URL", reason));
    let url = match env.get("PUBLIC_URL") {
        Some(url) => url,
        None if production => return bad("must be set in production: the links in mails begin with it"),
        None => return Ok(format!("http://{listen}")),
    };
    let Some(parsed) = web_url(url) else {
        return bad("must be a URL such as https://chatty.example");
    };
    if parsed.query().is_some() || parsed.fragment().is_some() || has_credentials(&parsed) {
        return bad("must have no user, query or fragment: paths are appended to it");
    }
    let local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if production && parsed.scheme() == "http" && !local {
        return bad(
            "must be https in production, or passwords travel readable; only this machine itself may have http",
        );
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A setting that does nothing would be believed to protect.
fn refuse_what_is_not_built(env: &Env, environment: Environment) -> Result<(), ConfigError> {
    for (name, harmless) in NOT_BUILT {
        let harmless = harmless.filter(|_| environment == Environment::Development);
        if env.get(name).is_some_and(|value| Some(value) != harmless) {
            return Err(ConfigError::new(name, "is not obeyed by this version; leave it out"));
        }
    }
    Ok(())
}

/// A URL where somebody can listen.
fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.port() != Some(0))
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The value is not repeated in complaints, because it holds a password.
fn check_amqp(text: &str) -> Result<(), ConfigError> {
    let bad = |reason: &str| Err(ConfigError::new("AMQP_URL", reason));
    let url = Url::parse(text)
        .ok()
        .filter(|url| url.scheme() == "amqp" && url.port() != Some(0) && text.parse::<AMQPUri>().is_ok());
    let Some(url) = url else {
        return bad("must be a URL such as amqp://user:password@host/%2f, or several with commas between them");
    };
    let known = ["auth_mechanism", "channel_max", "connection_timeout", "frame_max", "heartbeat"];
    match url.query_pairs().find(|(name, _)| !known.contains(&&**name)) {
        Some((name, _)) => bad(&format!("the parameter `{name}` is not known; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

/// Checks that files can be made in a folder. A full disk is not at fault: it can be emptied while the process waits.
///
/// # Errors
/// Why not.
pub fn require_writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    match File::create(&probe) {
        Ok(_file) => std::fs::remove_file(&probe),
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Ok(()),
        Err(error) => Err(error),
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
            ("METRICS_LISTEN", "9100"),
            ("DATABASE_MAX_CONNECTIONS", "4"),
            ("DATABASE_URL", "not a url"),
            ("DATABASE_URL", "postgres://posts@one,,two/posts_db"),
            ("CHATTY_BEHIND_GATEWAY", "perhaps"),
            ("PUBLIC_URL", "https://chatty.example/?a=1"),
            ("PUBLIC_URL", "https://chatty.example/#top"),
            ("PUBLIC_URL", "https://me@chatty.example"),
            ("PUBLIC_URL", "http://localhost:0"),
            ("AUTH_JWKS_URL", "http://localhost:0/keys"),
            ("DATABASE_URL", "postgres://posts@db:0/posts_db"),
            ("AMQP_URL", "amqp://one:0/%2f"),
            ("AMQP_URL", "not a url"),
            ("AMQP_URL", "amqp://one/%2f,two"),
            ("AMQP_URL", "amqp://one/%2f,"),
            ("AMQP_URL", "amqp://one/%2f?heartbeat=soon"),
            ("AMQP_URL", "amqp://one/%2f?hartbeat=10"),
            ("AUTH_JWKS_URL", "auth:8000/.well-known/jwks.json"),
            ("AUTH_JWKS_URL", "jwks.json"),
            ("DATABASE_URL", "postgres://posts@db/posts_db?sslmode=require"),
            ("DATABASE_URL", "postgres://posts@db/posts_db?conect_timeout=3"),
            ("RUST_LOG", "info,sqlx=loud"),
            ("SENTRY_DSN", "sentry.example.org"),
            ("OUTBOX_MAX_ROWS", "-1"),
            ("COMPARE_SECONDS", "0"),
            ("CACHE_MAX_MIB", "much"),
        ] {
            let error = Settings::from_env(&Env::of([(name, value)]), 8000).err().expect(value);
            assert_eq!(error.variable, name);
            for foreign in ["digit", "syntax", "from_str", "builder", "invalid"] {
                assert!(!error.reason.contains(foreign), "{error}");
            }
        }
    }

    #[test]
    fn a_gateway_is_there_when_the_switch_says_yes() {
        let read = |value: &str| Env::of([("CHATTY_BEHIND_GATEWAY", value)]).switch("CHATTY_BEHIND_GATEWAY").unwrap();
        assert!(["yes", "true", "on", "1"].into_iter().all(read));
        assert!(!["", "no", "false", "off", "0"].into_iter().any(read));
    }

    #[test]
    fn production_wants_a_public_url_that_is_encrypted() {
        let read = |url: &str| {
            let env = Env::of([("CHATTY_ENV", "production"), ("CHATTY_LISTEN", "0.0.0.0:80"), ("PUBLIC_URL", url)]);
            Settings::from_env(&env, 1).map(|settings| settings.public_url).map_err(|error| error.variable)
        };
        assert_eq!(read("https://chatty.example/").as_deref(), Ok("https://chatty.example"));
        for local in ["http://localhost", "http://127.0.0.1:8080", "http://[::1]:8080", "http://chatty.localhost"] {
            assert_eq!(read(local).as_deref(), Ok(local));
        }
        for bad in ["", "http://chatty.example", "http://localhost.example", "http://10.0.0.1", "ftp://localhost"] {
            assert_eq!(read(bad), Err("PUBLIC_URL"), "{bad}");
        }
    }

    /// A setting that nothing obeys is refused, wherever it could be believed to protect.
    #[test]
    fn what_is_not_built_is_not_accepted() {
        let read = |pairs: &[(&str, &str)]| Settings::from_env(&Env::of(pairs.iter().copied()), 1).map(|_| ());
        assert!(read(&[("RATE_LIMIT", "off"), ("TRUSTED_PROXIES", "")]).is_ok(), "it is off");
        for (name, value) in [("RATE_LIMIT", "on"), ("RATE_LIMIT", "100"), ("TRUSTED_PROXIES", "10.0.0.0/8")] {
            assert_eq!(read(&[(name, value)]).expect_err(name).variable, name);
        }
        let production = [("CHATTY_ENV", "production"), ("RATE_LIMIT", "off")];
        assert_eq!(read(&production).expect_err("always on").variable, "RATE_LIMIT");
    }

    #[test]
    fn a_program_on_the_same_machine_finds_the_suite() {
        for (listen, url) in [
            ("127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000"),
            ("[::]:9000", "http://[::1]:9000"),
            ("10.1.2.3:80", "http://10.1.2.3:80"),
        ] {
            let env = Env::of([("CHATTY_LISTEN", listen), ("CHATTY_BEHIND_GATEWAY", "yes")]);
            assert_eq!(Settings::from_env(&env, 8080).unwrap().local_url(), url);
        }
    }

    #[test]
    fn a_data_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let env = Env::of([("CHATTY_DATA_DIR", path.to_str().unwrap())]);
            let error = Settings::from_env(&env, 1).unwrap().create_data_dir().unwrap_err();
            assert_eq!(error.variable, "CHATTY_DATA_DIR", "{error}");
        }
    }
}
