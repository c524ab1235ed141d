//! Settings: the environment variables of a process, read once at the start and validated together.
//!
//! This file owns the settings that all five services share and the rules that combine them. A service reads its own
//! settings from the same [`Env`]. A bad value ends the start with a [`ConfigError`] that names the variable, because a
//! process that starts with a setting it misunderstood looks healthy (ADR 20). ADR 5 lists the settings that the design
//! does not name.

mod database_url;
mod trusted_proxies;
mod web_urls;

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

use axum::http::HeaderValue;
use lapin::uri::AMQPUri;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;

pub use database_url::{check_database_url, host_urls};
pub use trusted_proxies::TrustedProxies;
pub(crate) use web_urls::parse_web_url;
use web_urls::{read_origins, read_public_url};

/// The name of a variable and its explanation in `--help`.
pub type Variable = (&'static str, &'static str);

/// The variables that every program of the suite reads, in the order of `--help`. Defaults stand in parentheses.
pub const VARIABLES: [Variable; 19] = [
    ("CHATTY_ENV", "`development` (the default) or `production`"),
    ("CHATTY_LISTEN", "address and port to listen on"),
    ("CHATTY_SOCKET", "a Unix socket where HTTP is served too"),
    ("METRICS_LISTEN", "address and port where metrics are told, and then nowhere else"),
    ("RATE_LIMIT", "`on` limits requests and wrong passwords; default `off` in development, always `on` in production"),
    ("TRUSTED_PROXIES", "gateways that name their clients: addresses, networks, `unix` for CHATTY_SOCKET (none)"),
    ("CHATTY_BEHIND_GATEWAY", "`yes`: a gateway is the only way in, also in development"),
    ("CHATTY_DATA_DIR", "folder of all that is kept in files (./chatty-data)"),
    ("PUBLIC_URL", "what links in mails and feeds begin with (in development http:// and CHATTY_LISTEN)"),
    ("CORS_ORIGINS", "origins of web pages that may call the API, separated by commas (none)"),
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

/// The description of a valid address in error messages.
const ADDRESS: &str = "an address and a port, such as 127.0.0.1:8080";
/// The description of a valid number in error messages.
pub const NUMBER: &str = "a whole number";

/// A setting that is missing or not valid, so the program does not start. Displayed as `VARIABLE: reason`.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// The mistake, in most cases with an example of a valid value.
    pub reason: String,
}

impl ConfigError {
    /// Creates an error about a variable.
    pub fn new(variable: &'static str, reason: impl Display) -> Self {
        Self { variable, reason: reason.to_string() }
    }
}

/// A set of environment variables: those of the process, or others in tests and in commands for several databases. An
/// empty variable counts as not set: `${MAIL_FROM:-}` in a compose file passes an unset variable on as an empty one.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// Reads the environment of the process.
    pub fn of_process() -> Self {
        Self(std::env::vars().collect())
    }

    /// Builds an environment from pairs of name and value.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// Sets one variable, and replaces its former value if it has one.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the value of a variable; `None` if it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable that must be set.
    ///
    /// # Errors
    /// When it is not set, or empty.
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.get(name).ok_or_else(|| ConfigError::new(name, "must be set"))
    }

    /// Parses the value of a variable; `None` if it is not set. `expected` describes a valid value to the operator.
    ///
    /// # Errors
    /// When it is set and does not parse. The parser's own words are left out, because they are meant for programmers.
    pub fn parse<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let bad = |_error| ConfigError::new(name, format!("`{value}` is not valid; use {expected}"));
        value.parse().map(Some).map_err(bad)
    }

    /// Reads a variable that is `yes` (true) or `no` (false), or another usual word for one of them. False if it is not
    /// set.
    ///
    /// # Errors
    /// When it is set to another word.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.get(name) {
            None | Some("no" | "false" | "off" | "0") => Ok(false),
            Some("yes" | "true" | "on" | "1") => Ok(true),
            Some(value) => Err(ConfigError::new(name, format!("`{value}` is not valid; use `yes` or `no`"))),
        }
    }

    /// Returns the value of a secret variable, wrapped so that it is neither logged nor printed; `None` if it is not
    /// set.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }
}

/// The kind of environment that a process runs in, as `CHATTY_ENV` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// A developer's own machine: there is a default admin and a development mailbox, and only loopback addresses are
    /// bound unless a gateway is the only way in.
    #[default]
    Development,
    /// A public installation: no default secret and no development mailbox.
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

/// The settings that all five services share.
#[derive(Clone)]
pub struct Settings {
    /// `CHATTY_LISTEN`: the address and port on which HTTP is served (default: 127.0.0.1 and the service's port).
    pub listen: SocketAddr,
    /// `CHATTY_SOCKET`: a Unix socket on which HTTP is served as well, for a gateway on the same machine; absent: none.
    pub socket: Option<PathBuf>,
    /// `RATE_LIMIT`: true if requests and wrong passwords are limited (default: in production only).
    pub rate_limit: bool,
    /// `TRUSTED_PROXIES`: the gateways that are believed when they name their client (default: none).
    pub trusted_proxies: TrustedProxies,
    /// `CHATTY_BEHIND_GATEWAY`: true if all clients come through a gateway, and so from its address. Then development
    /// mode may listen on public addresses (ADR 5), and connections are not limited per address.
    pub behind_gateway: bool,
    /// `METRICS_LISTEN`: the address and port that serves metrics and detailed health, which no other port serves then.
    /// Absent: the main port serves them, except for the one process in production (ADR 16).
    pub metrics_listen: Option<SocketAddr>,
    /// `CHATTY_DATA_DIR`: the folder of databases, pictures and cached keys (default `./chatty-data`).
    pub data_dir: PathBuf,
    /// `CHATTY_ENV`: development or production (default: development).
    pub environment: Environment,
    /// `PUBLIC_URL`: the beginning of links in mails and feeds, without a slash at the end. It is never taken from a
    /// request, whose `Host` an attacker may choose.
    pub public_url: String,
    /// `CORS_ORIGINS`: the origins of other people's web pages that browsers let call the API (default: none).
    pub cors_origins: Vec<HeaderValue>,
    /// `DATABASE_URL`: the Postgres database, with several hosts if it has standbys; absent: a SQLite file in the data
    /// folder.
    pub database_url: Option<SecretString>,
    /// `DATABASE_MAX_CONNECTIONS`: the most connections of one replica, all its pools together, at least 5 (default 6).
    pub database_max_connections: u32,
    /// `AMQP_URL`: RabbitMQ, or all nodes of a cluster separated by commas; absent: the in-process broker.
    pub amqp_url: Option<SecretString>,
    /// `AUTH_JWKS_URL`: the URL of auth's public keys, a JWK set (RFC 7517); absent in the one process.
    pub jwks_url: Option<String>,
    /// `OUTBOX_MAX_ROWS`: the most events that may wait for the broker. Above it, writes are refused with 503 (default
    /// 1 000 000).
    pub outbox_max_rows: u64,
    /// `COMPARE_SECONDS`: the pause between two rounds in which copies are compared with their owners (ADR 14). At
    /// least one second; the default is 60.
    pub compare_every: Duration,
    /// `CACHE_MAX_MIB`: the most memory of each cache of answers, here in bytes (default 64 MiB).
    pub cache_max_bytes: u64,
}

impl Settings {
    /// Creates the data folder if it is missing, and withdraws access from everybody but its owner (mode 0700): the
    /// folder holds password hashes, links of mails and the signing key.
    ///
    /// # Errors
    /// When the folder cannot be created or written to.
    pub fn create_data_dir(&self) -> Result<(), ConfigError> {
        let folder = &self.data_dir;
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        // The mode of `DirBuilder` does not apply to a folder that exists already.
        created
            .and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)))
            .and_then(|()| require_writable(folder))
            .map_err(|error| ConfigError::new("CHATTY_DATA_DIR", format!("{}: {error}", folder.display())))
    }

    /// Returns the URL at which a program on the same machine reaches the process that has these settings.
    ///
    /// The public URL is not used: it may lead through a gateway that is not running yet, or that does not route every
    /// path.
    pub fn local_url(&self) -> String {
        // An unspecified address means all interfaces, and is no address to connect to.
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.listen.port()))
    }

    /// Reads and validates all common settings. `port` is the port to listen on if `CHATTY_LISTEN` is not set.
    ///
    /// # Errors
    /// A [`ConfigError`] for the first variable that is not valid, or not safe in combination with the others.
    pub fn from_env(env: &Env, port: u16) -> Result<Self, ConfigError> {
        let listen = env.parse("CHATTY_LISTEN", ADDRESS)?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)));
        let environment = env.parse("CHATTY_ENV", "`development` or `production`")?.unwrap_or_default();
        let behind_gateway = env.switch("CHATTY_BEHIND_GATEWAY")?;
        // Everybody knows the password of the default admin, so a development process must not be reachable from
        // outside.
        if environment == Environment::Development && !listen.ip().is_loopback() && !behind_gateway {
            return Err(ConfigError::new(
                "CHATTY_LISTEN",
                "development mode has a default admin and listens on loopback only; set CHATTY_ENV=production for a public address",
            ));
        }
        let rate_limit = read_rate_limit(env, environment)?;
        let trusted_proxies = read_trusted_proxies(env)?;
        let has_gateway = behind_gateway || env.get("CHATTY_SOCKET").is_some();
        if rate_limit && has_gateway && trusted_proxies.is_empty() {
            let reason = "must name the gateway, or all people would share the limits of its address";
            return Err(ConfigError::new("TRUSTED_PROXIES", reason));
        }
        let public_url = env.get("PUBLIC_URL");
        let public_url = read_public_url(public_url, environment == Environment::Production, listen)
            .map_err(|reason| ConfigError::new("PUBLIC_URL", reason))?;
        let cors_origins =
            read_origins(env.get("CORS_ORIGINS")).map_err(|reason| ConfigError::new("CORS_ORIGINS", reason))?;
        if env.get("AUTH_JWKS_URL").is_some_and(|url| parse_web_url(url).is_none()) {
            let reason = "must be a URL such as http://127.0.0.1:8000/.well-known/jwks.json";
            return Err(ConfigError::new("AUTH_JWKS_URL", reason));
        }
        // Telemetry reads these two by itself and would only ignore a mistake, so they are checked here.
        env.parse::<EnvFilter>("RUST_LOG", "a filter such as `info` or `info,sqlx=warn`")?;
        if env.get("SENTRY_DSN").is_some_and(|dsn| dsn.parse::<sentry::types::Dsn>().is_err()) {
            return Err(ConfigError::new(
                "SENTRY_DSN",
                "must be a DSN such as https://public-key@sentry.example.org/1",
            ));
        }
        let connections = env.parse("DATABASE_MAX_CONNECTIONS", NUMBER)?.unwrap_or(6);
        // One connection each for consumers and the relay, two for writes, and at least one for reads.
        if connections < 5 {
            return Err(ConfigError::new("DATABASE_MAX_CONNECTIONS", "must be at least 5"));
        }
        if let Some(url) = env.get("DATABASE_URL") {
            check_database_url(url).map_err(|error| ConfigError::new("DATABASE_URL", error))?;
        }
        for url in env.get("AMQP_URL").into_iter().flat_map(|urls| urls.split(',')) {
            check_amqp_url(url)?;
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
            rate_limit,
            trusted_proxies,
            behind_gateway,
            metrics_listen: env.parse("METRICS_LISTEN", ADDRESS)?,
            public_url,
            cors_origins,
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

/// Reads `RATE_LIMIT`. Production has no other value than `on`.
fn read_rate_limit(env: &Env, environment: Environment) -> Result<bool, ConfigError> {
    match (env.get("RATE_LIMIT"), environment) {
        (None, environment) => Ok(environment == Environment::Production),
        (Some("on"), _) => Ok(true),
        (Some("off"), Environment::Development) => Ok(false),
        _ => Err(ConfigError::new("RATE_LIMIT", "must be `on`, or in development `off`")),
    }
}

/// Reads `TRUSTED_PROXIES`.
fn read_trusted_proxies(env: &Env) -> Result<TrustedProxies, ConfigError> {
    let Some(text) = env.get("TRUSTED_PROXIES") else { return Ok(TrustedProxies::default()) };
    TrustedProxies::parse(text).map_err(|entry| {
        let reason = format!("`{entry}` is not valid; use addresses, networks such as 10.0.0.0/8, or `unix`");
        ConfigError::new("TRUSTED_PROXIES", reason)
    })
}

/// Checks one URL of `AMQP_URL`. Error messages do not repeat the URL, because it contains a password.
fn check_amqp_url(text: &str) -> Result<(), ConfigError> {
    let bad = |reason: &str| Err(ConfigError::new("AMQP_URL", reason));
    let url = Url::parse(text)
        .ok()
        .filter(|url| url.scheme() == "amqp" && url.port() != Some(0) && text.parse::<AMQPUri>().is_ok());
    let Some(url) = url else {
        return bad("must be a URL such as amqp://user:password@host/%2f, or several with commas between them");
    };
    // lapin ignores a parameter that it does not know, so that a misspelt one would go unnoticed.
    let known = ["auth_mechanism", "channel_max", "connection_timeout", "frame_max", "heartbeat"];
    match url.query_pairs().find(|(name, _)| !known.contains(&&**name)) {
        Some((name, _)) => bad(&format!("the parameter `{name}` is not known; known are {}", known.join(", "))),
        None => Ok(()),
    }
}

/// Checks that files can be created in a folder, by creating one and removing it again.
///
/// A full disk passes the check: the process can run and serve reads on it, and room may be made meanwhile.
///
/// # Errors
/// The I/O error with which the file could not be created or removed.
pub fn require_writable(folder: &Path) -> io::Result<()> {
    // The process id keeps two processes that start on the same folder from removing each other's file.
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
            ("TRUSTED_PROXIES", "nginx"),
            ("TRUSTED_PROXIES", "10.0.0.0/33"),
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

    #[test]
    fn production_always_limits_and_wants_to_know_its_gateway() {
        let read = |pairs: &[(&str, &str)]| Settings::from_env(&Env::of(pairs.iter().copied()), 1);
        let limits = |value| read(&[("RATE_LIMIT", value)]).map(|settings| settings.rate_limit).ok();
        assert_eq!(
            [limits("on"), limits("off"), limits(""), limits("100")],
            [Some(true), Some(false), Some(false), None]
        );
        let production = [("CHATTY_ENV", "production"), ("PUBLIC_URL", "https://chatty.example")];
        assert!(read(&production).unwrap().rate_limit);
        let off = [production[0], production[1], ("RATE_LIMIT", "off")];
        assert_eq!(read(&off).err().unwrap().variable, "RATE_LIMIT", "always on");
        for gateway in [("CHATTY_BEHIND_GATEWAY", "yes"), ("CHATTY_SOCKET", "/run/chatty/posts.sock")] {
            let unnamed = [production[0], production[1], gateway];
            assert_eq!(read(&unnamed).err().unwrap().variable, "TRUSTED_PROXIES");
            let named = [production[0], production[1], gateway, ("TRUSTED_PROXIES", "10.0.0.0/8,unix")];
            assert!(read(&named).is_ok());
            assert!(read(&[gateway]).is_ok(), "no limits, so no names are needed");
        }
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
