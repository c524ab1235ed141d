//! Auth's own settings.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use shared::config::{ConfigError, Env, Environment, Settings, Variable};

use crate::domain::{Username, email, password};

/// The variables that this service alone reads, in the words of `--help`.
pub const VARIABLES: &[Variable] = &[
    ("JWT_PRIVATE_KEY_FILE", "the private signing key (jwt.pem in the data folder)"),
    ("SMTP_URL", "the mail server; unset: the development mailbox"),
    ("MAIL_FROM", "sender of all mails; production must name one"),
    ("ADMIN_USERNAME", "the first admin (development: admin)"),
    ("ADMIN_PASSWORD", "the first admin's password (development: secret)"),
];

/// The admin of development mode: the one exception to the password rule.
pub(crate) const DEFAULT_ADMIN: (&str, &str) = ("admin", "secret");

/// How mails leave.
#[derive(Clone, Debug)]
pub(crate) struct SmtpConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<(String, SecretString)>,
    pub(crate) from: Mailbox,
}

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// `smtps://`.
    Tls,
    /// `smtp://`: STARTTLS, and no mail without it.
    StartTls,
    /// `smtp://…?tls=none`.
    None,
}

/// The first admin.
#[derive(Clone, Debug)]
pub(crate) struct AdminConfig {
    pub(crate) username: Username,
    pub(crate) password: SecretString,
}

/// Auth's settings. The passwords inside are not shown by `Debug`.
#[derive(Clone, Debug)]
pub struct Config {
    /// `JWT_PRIVATE_KEY_FILE`.
    pub(crate) key_file: PathBuf,
    /// `SMTP_URL` and `MAIL_FROM`; absent: the development mailbox.
    pub(crate) smtp: Option<SmtpConfig>,
    /// `ADMIN_USERNAME` and `ADMIN_PASSWORD`.
    pub(crate) admin: Option<AdminConfig>,
    /// What links in mails begin with.
    pub(crate) public_url: String,
}

impl Config {
    /// The file of the signing key.
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// Reads them.
    ///
    /// # Errors
    /// A variable that is not valid, or that is missing or not safe in production.
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
        Ok(Self { key_file, smtp, admin, public_url: settings.public_url.clone() })
    }
}

/// The sender in the form that every mail server takes.
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

/// The value is not repeated in complaints, because it holds a password.
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
