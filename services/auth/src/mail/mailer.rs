//! The destination of mails that the settings name: a mail server or the development mailbox.

use shared::config::ConfigError;

use super::smtp::Smtp;
use crate::config::Config;

/// The destination of all mails.
pub(crate) enum Mailer {
    /// A mail server.
    Smtp(Box<Smtp>),
    /// The development mailbox: mails stay in the database and are read at `/dev/mail`.
    Mailbox,
}

impl Mailer {
    /// Prepares the mail server of the settings, or the development mailbox when they name none. Nothing is connected
    /// yet.
    ///
    /// # Errors
    /// When the certificates for TLS cannot be prepared.
    pub(crate) fn from_config(config: &Config) -> Result<Self, ConfigError> {
        config.smtp.as_ref().map_or(Ok(Self::Mailbox), |smtp| Smtp::new(smtp).map(Box::new).map(Self::Smtp))
    }
}

/// Connects to the mail server and logs in, without sending a mail, for `chatty doctor`. `None` when the settings name
/// no mail server, so that mails go to the development mailbox.
pub async fn check(config: &Config) -> Option<Result<(), String>> {
    match Mailer::from_config(config) {
        Ok(Mailer::Mailbox) => None,
        Ok(Mailer::Smtp(smtp)) => Some(smtp.test_login().await),
        Err(error) => Some(Err(error.to_string())),
    }
}
