//! The settings that only this service reads, and its name and port.
//!
//! Everything is read and checked once, at the start: a setting that is wrong or unsafe stops the process with the name
//! of the variable instead of failing the first request that needs it.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use shared::config::{ConfigError, Env, Environment, Settings, Variable};

use crate::domain::joining::Joining;
use crate::domain::{Username, email, password};

/// The service's name, as a label of metrics and in commands.
pub const NAME: &str = "auth";
/// The port that the service listens on when it is a process of its own and no other port is set.
pub const PORT: u16 = 8000;

/// The environment variables that only this service reads, with their descriptions for `--help`.
pub const VARIABLES: &[Variable] = &[
    ("JWT_PRIVATE_KEY_FILE", "the private signing key (jwt.pem in the data folder)"),
    ("SMTP_URL", "the mail server; unset: the development mailbox"),
    ("MAIL_FROM", "sender of all mails; production must name one"),
    ("ADMIN_USERNAME", "the first admin (development: admin)"),
    ("ADMIN_PASSWORD", "the first admin's password (development: secret)"),
    ("ADMIN_REQUIRE_TWO_FACTOR", "true: admins have their rights with two-factor sign-in only (false)"),
    ("POSTS_URL", "where posts is, for archives of people's data (http://127.0.0.1:8001)"),
    ("SUBSCRIPTIONS_URL", "where subscriptions is, likewise (http://127.0.0.1:8002)"),
    ("ADMIN_URL", "where admin is, likewise (http://127.0.0.1:8003)"),
    ("RECOMMENDATIONS_URL", "where recommendations is, likewise (http://127.0.0.1:8004)"),
    ("REGISTRATION", "open, invite, approval or closed: how people join (open)"),
    ("INVITATIONS_PER_PERSON", "invitations that each person can have; admins have 1000 (0)"),
    ("REFUSED_MAIL_DOMAINS", "mail domains that nobody may register with, separated by commas (none)"),
];

/// Username and password of the first admin in development mode. This password is the only one that may break the
/// rules.
pub(crate) const DEFAULT_ADMIN: (&str, &str) = ("admin", "secret");

/// The mail server that mails are sent through.
#[derive(Clone, Debug)]
pub(crate) struct SmtpConfig {
    /// Host name or IP address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// The encryption of the connection.
    pub(crate) encryption: Encryption,
    /// Username and password, when the server asks for a login.
    pub(crate) credentials: Option<(String, SecretString)>,
    /// The sender of all mails.
    pub(crate) from: Mailbox,
}

/// The encryption of a connection to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// TLS from the first byte: `smtps://`.
    Tls,
    /// TLS by the STARTTLS command: `smtp://`. A server that does not offer it gets no mail.
    StartTls,
    /// No encryption: `smtp://…?tls=none`.
    None,
}

/// The admin that is created at the start when there is none yet.
#[derive(Clone, Debug)]
pub(crate) struct AdminConfig {
    pub(crate) username: Username,
    pub(crate) password: SecretString,
}

/// The service's settings. `Debug` does not show the passwords inside.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file of the signing key, from `JWT_PRIVATE_KEY_FILE`.
    pub(crate) key_file: PathBuf,
    /// The mail server, from `SMTP_URL` and `MAIL_FROM`. `None`: mails go to the development mailbox.
    pub(crate) smtp: Option<SmtpConfig>,
    /// The first admin, from `ADMIN_USERNAME` and `ADMIN_PASSWORD`. `None`: no admin is created.
    pub(crate) admin: Option<AdminConfig>,
    /// True when admins need two-factor sign-in, from `ADMIN_REQUIRE_TWO_FACTOR`.
    pub(crate) admins_need_factor: bool,
    /// The rules of joining.
    pub(crate) joining: Joining,
    /// The URL with which links in mails begin: scheme and host, without a slash at the end.
    pub(crate) public_url: String,
}

impl Config {
    /// Returns the file of the private key that signs access tokens.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// Reads the settings from the environment.
    ///
    /// # Errors
    /// The first variable that is not valid, or that is missing or unsafe in production.
    pub fn from_env(env: &Env, settings: &Settings) -> Result<Self, ConfigError> {
        let production = settings.environment == Environment::Production;
        if env.get("SMTP_URL").is_none() && production {
            return Err(ConfigError::new("SMTP_URL", "must be set in production: accounts are verified by mail"));
        }
        let from: Option<Mailbox> = env.parse("MAIL_FROM", "an address such as Chatty <no-reply@example.org>")?;
        let from = match from {
            Some(from) => sender(from)?,
            None if production => {
                let reason = "must be set in production: no mail server takes mails of a sender that cannot exist";
                return Err(ConfigError::new("MAIL_FROM", reason));
            }
            None => "Chatty <no-reply@chatty.example>".parse().map_err(|error| ConfigError::new("MAIL_FROM", error))?,
        };
        let smtp = env.secret("SMTP_URL").map(|url| smtp(url.expose_secret(), from)).transpose()?;
        let key_file = env.get("JWT_PRIVATE_KEY_FILE").map_or_else(|| settings.data_dir.join("jwt.pem"), PathBuf::from);
        let admin = admin(env, settings.environment)?;
        let admins_need_factor = env.parse("ADMIN_REQUIRE_TWO_FACTOR", "true or false")?.unwrap_or(false);
        let joining = Joining::from_env(env)?;
        Ok(Self { key_file, smtp, admin, admins_need_factor, joining, public_url: settings.public_url.clone() })
    }
}

/// Returns the sender with an ASCII address, because few mail servers support SMTPUTF8.
fn sender(from: Mailbox) -> Result<Mailbox, ConfigError> {
    let bad = |reason: String| ConfigError::new("MAIL_FROM", reason);
    if !from.email.user().is_ascii() {
        return Err(bad("must have only ASCII characters before the @".to_owned()));
    }
    let email = email::sendable(from.email.as_ref())
        .parse()
        .map_err(|_error| bad("must name a host after the @".to_owned()))?;
    Ok(Mailbox::new(from.name, email))
}

/// Reads `SMTP_URL`. Its errors do not repeat the value, because it holds a password.
fn smtp(text: &str, from: Mailbox) -> Result<SmtpConfig, ConfigError> {
    let bad = |reason: &str| {
        ConfigError::new(
            "SMTP_URL",
            format!("{reason}; use smtp://HOST:PORT, smtps://HOST:PORT or smtp://HOST:PORT?tls=none"),
        )
    };
    let url = url::Url::parse(text).map_err(|_error| bad("it is no URL"))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it names no host"))?.to_owned();
    if url.port() == Some(0) {
        return Err(bad("no server listens on port 0"));
    }
    // A misspelt parameter must not silently leave a connection without the protection that was asked for.
    if let Some((name, _)) = url.query_pairs().find(|(name, _)| name != "tls") {
        return Err(bad(&format!("the parameter `{name}` is not known")));
    }
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let (encryption, port) = match (url.scheme(), tls.as_deref()) {
        ("smtp", None | Some("required")) => (Encryption::StartTls, 587),
        ("smtp", Some("none")) => (Encryption::None, 25),
        ("smtps", None | Some("required")) => (Encryption::Tls, 465),
        _ => return Err(bad("the scheme or `tls` is not known")),
    };
    // `Url` leaves percent signs as they are. The decoder for forms replaces them, but would also turn `+` into a
    // space, so `+` is encoded first.
    let decoded = |text: &str| {
        let pair = format!("x={}", text.replace('+', "%2B"));
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let credentials = url.password().map(|password| (decoded(url.username()), SecretString::from(decoded(password))));
    if credentials.is_none() && !url.username().is_empty() {
        return Err(bad("it names a user without a password"));
    }
    Ok(SmtpConfig { host, port: url.port().unwrap_or(port), encryption, credentials, from })
}

/// Reads `ADMIN_USERNAME` and `ADMIN_PASSWORD`.
fn admin(env: &Env, environment: Environment) -> Result<Option<AdminConfig>, ConfigError> {
    let development = environment == Environment::Development;
    let (username, secret) = match (env.get("ADMIN_USERNAME"), env.get("ADMIN_PASSWORD")) {
        (None, None) if !development => return Ok(None),
        (username, secret) if development => (username.unwrap_or(DEFAULT_ADMIN.0), secret.unwrap_or(DEFAULT_ADMIN.1)),
        (Some(username), Some(secret)) => (username, secret),
        (None, _) => return Err(ConfigError::new("ADMIN_USERNAME", "must be set together with ADMIN_PASSWORD")),
        (Some(_), None) => return Err(ConfigError::new("ADMIN_PASSWORD", "must be set together with ADMIN_USERNAME")),
    };
    let username = Username::parse(username).map_err(|rule| ConfigError::new("ADMIN_USERNAME", rule))?;
    // The default password breaks the rules, but development mode must accept it.
    let is_default = development && secret == DEFAULT_ADMIN.1;
    if !is_default {
        password::check(secret, username.as_str(), "")
            .and_then(|()| password::check_strength(secret, username.as_str(), ""))
            .map_err(|rule| ConfigError::new("ADMIN_PASSWORD", rule))?;
    }
    if !development && password::looks_like_example(secret) {
        return Err(ConfigError::new("ADMIN_PASSWORD", "is one that examples use; choose another one"));
    }
    Ok(Some(AdminConfig { username, password: SecretString::from(secret) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let env = Env::of(pairs.iter().copied());
        Config::from_env(&env, &Settings::from_env(&env, 8000).unwrap())
    }

    #[test]
    fn production_refuses_what_is_not_safe() {
        let safe = [
            ("CHATTY_ENV", "production"),
            ("SMTP_URL", "smtp://mail.example.org"),
            ("PUBLIC_URL", "https://chatty.example"),
            ("MAIL_FROM", "Chatty <no-reply@example.org>"),
        ];
        let with = |more: &[(&'static str, &'static str)]| read(&[&safe, more].concat());
        let without = |name: &str| read(&safe.into_iter().filter(|(set, _)| *set != name).collect::<Vec<_>>());
        assert!(with(&[]).unwrap().admin.is_none());
        for missing in ["SMTP_URL", "MAIL_FROM"] {
            assert_eq!(without(missing).expect_err(missing).variable, missing);
        }
        for password in ["secret", "short", "password1", "changeme-please", "an-example-password"] {
            let refused = with(&[("ADMIN_USERNAME", "boss"), ("ADMIN_PASSWORD", password)]).expect_err(password);
            assert_eq!(refused.variable, "ADMIN_PASSWORD", "{password}");
        }
        let alone = with(&[("ADMIN_PASSWORD", "a long and private phrase")]);
        assert_eq!(alone.err().unwrap().variable, "ADMIN_USERNAME");
        assert_eq!(with(&[("ADMIN_USERNAME", "boss")]).err().unwrap().variable, "ADMIN_PASSWORD");
    }

    #[test]
    fn a_bad_value_is_named_and_no_password_is_shown() {
        for url in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://mail.example.org?tls=maybe",
            "smtp://",
            "smtp://mail.example.org?ssl=none",
            "smtp://me@mail.example.org",
            "smtp://mail.example.org:0",
        ] {
            assert_eq!(read(&[("SMTP_URL", url)]).expect_err(url).variable, "SMTP_URL");
        }
        for from in ["nobody", "jürgen@example.org"] {
            assert_eq!(read(&[("MAIL_FROM", from)]).expect_err(from).variable, "MAIL_FROM");
        }
        let config = read(&[("SMTP_URL", "smtps://me:hidden%2Bword@mail.example.org")]).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
        let smtp = config.smtp.unwrap();
        assert_eq!((smtp.encryption, smtp.port), (Encryption::Tls, 465));
        assert_eq!(smtp.credentials.unwrap().1.expose_secret(), "hidden+word");
    }

    #[test]
    fn development_has_a_default_admin() {
        let admin = read(&[]).unwrap().admin.unwrap();
        assert_eq!((admin.username.as_str(), admin.password.expose_secret()), DEFAULT_ADMIN);
    }
}
