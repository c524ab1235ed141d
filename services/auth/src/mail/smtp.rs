//! The way to the mail server, step by step, because it matters how far a mail came when something fails.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use secrecy::ExposeSecret;
use shared::config::ConfigError;
use tokio::time::timeout;

use crate::config::{Encryption, SmtpConfig};
use crate::db::entities::mail_job;
use crate::domain::email;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long everything before the text of a mail may take.
pub(super) const OFFER: Duration = Duration::from_secs(20);
/// How long a mail server may think about a text: to give up too early makes doubles (RFC 5321, section 4.5.3.2.6).
pub(super) const ACCEPT: Duration = Duration::from_secs(60);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why a mail was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server has refused this very mail with a 5xx answer.
    Refused(String),
    /// The server was not reached, or took nothing, or has asked to come again.
    Later(String),
    /// The text was sent and no answer came: the server may have the mail.
    Unknown(String),
}

/// A mail server.
pub(crate) struct Smtp {
    config: SmtpConfig,
    /// Absent where nothing is encrypted.
    tls: Option<TlsParameters>,
    from: Mailbox,
}

/// A mail whose recipient the server takes, and whose text it waits for.
pub(super) struct Offer {
    connection: AsyncSmtpConnection,
    text: Vec<u8>,
}

impl Smtp {
    /// Prepares the way; nothing is connected yet.
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, ConfigError> {
        let parameters =
            || TlsParameters::new(config.host.clone()).map_err(|error| ConfigError::new("SMTP_URL", error));
        let tls = (config.encryption != Encryption::None).then(parameters).transpose()?;
        Ok(Self { config: config.clone(), tls, from: config.from.clone() })
    }

    /// Says hello to the mail server, encrypted and logged in as mails would be.
    pub(super) async fn test(&self) -> Result<(), String> {
        let mut connection = match timeout(OFFER, self.connect()).await {
            Ok(connected) => connected.map_err(|error| in_words(&error))?,
            Err(_elapsed) => return Err("the mail server does not answer".to_owned()),
        };
        say_goodbye(&mut connection).await;
        Ok(())
    }

    /// Offers a mail, up to the point where its text is sent.
    pub(super) async fn offer(&self, job: &mail_job::Model) -> Result<Offer, Failure> {
        let steps = async {
            let (envelope, text) = self.message(job).map_err(|error| Failure::Refused(error.to_string()))?;
            // A greeting, a login or a sender that is refused says nothing about this mail.
            let later = |error: Error| Failure::Later(in_words(&error));
            let mut connection = self.connect().await.map_err(later)?;
            connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await.map_err(later)?;
            for to in envelope.to() {
                connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| answer(&error))?;
            }
            connection.command(Data).await.map_err(|error| answer(&error))?;
            Ok(Offer { connection, text })
        };
        let steps = timeout(OFFER, steps).await;
        steps.unwrap_or_else(|_elapsed| Err(Failure::Later("the mail server took too long".to_owned())))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let name = ClientId::default();
        let server = (self.config.host.as_str(), self.config.port);
        let at_once = self.tls.clone().filter(|_| self.config.encryption == Encryption::Tls);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &name, at_once, None).await?;
        if let Some(tls) = self.tls.clone().filter(|_| self.config.encryption == Encryption::StartTls) {
            connection.starttls(tls, &name).await?;
        }
        if let Some((user, password)) = &self.config.credentials {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    /// The envelope and the text, which is ASCII: lettre encodes what is not, and no address in it is anything else.
    fn message(&self, job: &mail_job::Model) -> Result<(Envelope, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
        let to: Address = email::sendable(&job.to_address).parse()?;
        // The same id at every try, so that a mail which was accepted twice is recognised.
        let id = format!("<{}.{}@{}>", job.id, job.created_at.unix_seconds(), self.from.email.domain());
        let body = MultiPart::alternative_plain_html(job.text.clone(), job.html.clone());
        // Named here, because lettre would read it from the header again, where not every address survives.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])?;
        let message = Message::builder()
            .envelope(envelope.clone())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(job.subject.clone());
        Ok((envelope, message.message_id(Some(id)).multipart(body)?.formatted()))
    }
}

impl Offer {
    /// Sends the text.
    pub(super) async fn accept(mut self) -> Result<(), Failure> {
        match timeout(ACCEPT, self.connection.message(&self.text)).await {
            Ok(Ok(_accepted)) => {
                say_goodbye(&mut self.connection).await;
                Ok(())
            }
            Ok(Err(error)) if error.status().is_some() => Err(answer(&error)),
            Ok(Err(error)) => Err(Failure::Unknown(in_words(&error))),
            Err(_elapsed) => Err(Failure::Unknown("the mail server did not say whether it took the mail".to_owned())),
        }
    }
}

/// What the server says about this mail.
fn answer(error: &Error) -> Failure {
    if error.is_permanent() { Failure::Refused(in_words(error)) } else { Failure::Later(in_words(error)) }
}

fn in_words(error: &Error) -> String {
    let said = error.to_string();
    match std::error::Error::source(error).map(ToString::to_string) {
        Some(cause) if !said.contains(&cause) => format!("{said}: {cause}"),
        _ => said,
    }
}

/// It makes no difference to anybody whether the server answers.
async fn say_goodbye(connection: &mut AsyncSmtpConnection) {
    let _unheard = timeout(GOODBYE, connection.quit()).await;
}
