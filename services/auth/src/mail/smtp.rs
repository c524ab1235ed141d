//! The way to the mail server.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use shared::config::ConfigError;
use tokio::time::timeout;

use crate::config::{Encryption, SmtpConfig};
use crate::db::entities::mail_job;

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(10);
/// How long one mail may take.
const MAIL: Duration = Duration::from_secs(20);

/// Why a mail was not taken.
pub(super) enum Failure {
    /// It never will be.
    Permanent(String),
    /// It may be later.
    Transient(String),
}

/// A mail server, over at most two connections.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// Prepares the way; nothing is connected yet.
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, ConfigError> {
        let parameters =
            || TlsParameters::new(config.host.clone()).map_err(|error| ConfigError::new("SMTP_URL", error));
        let tls = match config.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(COMMAND))
            .pool_config(PoolConfig::new().max_size(2));
        if let Some((user, password)) = &config.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), from: config.from.clone() })
    }

    /// Says hello to the mail server, encrypted and logged in as mails would be.
    pub(super) async fn test(&self) -> Result<(), String> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server does not answer".to_owned()),
            Err(error) => {
                Err(std::error::Error::source(&error).map_or(error.to_string(), |cause| format!("{error}: {cause}")))
            }
        }
    }

    /// Sends one mail.
    pub(super) async fn send(&self, job: &mail_job::Model) -> Result<(), Failure> {
        let message = self.message(job).map_err(|error| Failure::Permanent(error.to_string()))?;
        match timeout(MAIL, self.transport.send(message)).await {
            Ok(Ok(_accepted)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(Failure::Permanent(error.to_string())),
            Ok(Err(error)) => Err(Failure::Transient(error.to_string())),
            Err(_elapsed) => Err(Failure::Transient("the mail server took too long".to_owned())),
        }
    }

    fn message(&self, job: &mail_job::Model) -> Result<Message, Box<dyn std::error::Error>> {
        let to: Address = job.to_address.parse()?;
        // The same id at every try, so that a mail which was accepted twice is recognised.
        let id = format!("<{}.{}@{}>", job.id, job.created_at.unix_seconds(), self.from.email.domain());
        let body = MultiPart::alternative_plain_html(job.text.clone(), job.html.clone());
        // Named here, because lettre would read it from the header again, where not every address survives.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])?;
        let message = Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(job.subject.clone());
        Ok(message.message_id(Some(id)).multipart(body)?)
    }
}
