//! The dialogue with the mail server. Each command is sent by itself, because the step at which the dialogue fails
//! decides whether the mail may have been delivered.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
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
use crate::db::entities::mail_jobs::Model;
use crate::domain::email;

/// The longest time for making a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest time for everything before the text of a mail.
pub(super) const OFFER: Duration = Duration::from_secs(20);
/// The longest time for the server's answer to a text. Giving up earlier would send mails twice (RFC 5321, section
/// 4.5.3.2.6).
pub(super) const ACCEPT: Duration = Duration::from_secs(60);
/// The longest time for the answer to QUIT.
const GOODBYE: Duration = Duration::from_secs(1);

/// The failure of a try, by its consequence for the mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server has refused this recipient or this text with a 5xx answer.
    Refused(String),
    /// The mail was not accepted for a reason that may pass: the server was not reached, refused the login or the
    /// sender, or answered 4xx.
    Later(String),
    /// The text was sent and no answer came. The server may have the mail.
    Unknown(String),
}

/// The mail server of the settings. A new connection is made for each mail.
pub(crate) struct Smtp {
    config: SmtpConfig,
    /// `None`: the connection is not encrypted.
    tls: Option<TlsParameters>,
    from: Mailbox,
}

/// A mail whose recipient the server has accepted. The server waits for its text.
pub(super) struct Offer {
    connection: AsyncSmtpConnection,
    text: Vec<u8>,
}

impl Smtp {
    /// Prepares TLS. Nothing is connected yet.
    ///
    /// # Errors
    /// When the certificates for TLS cannot be prepared.
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, ConfigError> {
        let parameters =
            || TlsParameters::new(config.host.clone()).map_err(|error| ConfigError::new("SMTP_URL", error));
        let tls = (config.encryption != Encryption::None).then(parameters).transpose()?;
        Ok(Self { config: config.clone(), tls, from: config.from.clone() })
    }

    /// Connects to the server with encryption and login, as for a mail, and says goodbye.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub(super) async fn test_login(&self) -> Result<(), String> {
        let mut connection = match timeout(OFFER, self.connect()).await {
            Ok(connected) => connected.map_err(|error| in_words(&error))?,
            Err(_elapsed) => return Err("the mail server does not answer".to_owned()),
        };
        say_goodbye(&mut connection).await;
        Ok(())
    }

    /// Opens the dialogue for a mail, up to the point at which the server waits for the text.
    pub(super) async fn offer(&self, job: &Model) -> Result<Offer, Failure> {
        let steps = async {
            let (envelope, text) = self.message(job).map_err(|error| Failure::Refused(error.to_string()))?;
            // A refused greeting, login or sender does not concern this mail alone, so it must not park the mail.
            let later = |error: Error| Failure::Later(in_words(&error));
            let mut connection = self.connect().await.map_err(later)?;
            connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await.map_err(later)?;
            for to in envelope.to() {
                connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(|error| by_answer(&error))?;
            }
            connection.command(Data).await.map_err(|error| by_answer(&error))?;
            Ok(Offer { connection, text })
        };
        let steps = timeout(OFFER, steps).await;
        steps.unwrap_or_else(|_elapsed| Err(Failure::Later("the mail server took too long".to_owned())))
    }

    /// Connects, encrypts and logs in.
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

    /// Builds the envelope and the text of a mail. The text is ASCII: lettre encodes the content, and the addresses are
    /// ASCII already. So no server needs SMTPUTF8.
    fn message(&self, job: &Model) -> Result<(Envelope, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
        let to: Address = email::sendable(&job.to_address).parse()?;
        // The Message-ID is the same at every try, so that mail programs recognise a mail that was delivered twice.
        let id = format!("<{}.{}@{}>", job.id, job.created_at.unix_seconds(), self.from.email.domain());
        let body = MultiPart::alternative_plain_html(job.text.clone(), job.html.clone());
        // The envelope is set explicitly, because lettre would otherwise parse it from the header, which fails for some
        // addresses.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()])?;
        let message = Message::builder()
            .envelope(envelope.clone())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(job.subject.clone());
        let message = match &job.unsubscribe_url {
            Some(url) => message.header(ListUnsubscribe(url.clone())).header(ListUnsubscribePost),
            None => message,
        };
        Ok((envelope, message.message_id(Some(id)).multipart(body)?.formatted()))
    }
}

/// The header with the address that ends mails of this kind (RFC 2369).
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.trim_start_matches('<').trim_end_matches('>').to_owned()))
    }

    fn display(&self) -> HeaderValue {
        let text = format!("<{}>", self.0);
        // A URL must not be folded, and is ASCII without line breaks.
        HeaderValue::dangerous_new_pre_encoded(Self::name(), text.clone(), text)
    }
}

/// The header that says that a POST with this text ends them, without another question (RFC 8058).
#[derive(Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

impl Offer {
    /// Sends the text and waits until the server has accepted the mail.
    pub(super) async fn send_text(mut self) -> Result<(), Failure> {
        match timeout(ACCEPT, self.connection.message(&self.text)).await {
            Ok(Ok(_accepted)) => {
                say_goodbye(&mut self.connection).await;
                Ok(())
            }
            Ok(Err(error)) if error.status().is_some() => Err(by_answer(&error)),
            Ok(Err(error)) => Err(Failure::Unknown(in_words(&error))),
            Err(_elapsed) => Err(Failure::Unknown("the mail server did not say whether it took the mail".to_owned())),
        }
    }
}

/// Classifies an answer of the server to a command about this mail.
fn by_answer(error: &Error) -> Failure {
    if error.is_permanent() { Failure::Refused(in_words(error)) } else { Failure::Later(in_words(error)) }
}

/// Returns the text of an error with its cause, which lettre leaves out of some texts.
fn in_words(error: &Error) -> String {
    let said = error.to_string();
    match std::error::Error::source(error).map(ToString::to_string) {
        Some(cause) if !said.contains(&cause) => format!("{said}: {cause}"),
        _ => said,
    }
}

/// Ends the dialogue. The mail is accepted or refused by now, so it does not matter whether the server answers.
async fn say_goodbye(connection: &mut AsyncSmtpConnection) {
    let _unheard = timeout(GOODBYE, connection.quit()).await;
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;

    use super::*;

    #[test]
    fn a_mail_that_can_be_ended_says_how() {
        let from: Mailbox = "Chatty <no-reply@example.org>".parse().unwrap();
        let config = SmtpConfig {
            host: "127.0.0.1".to_owned(),
            port: 25,
            encryption: Encryption::None,
            credentials: None,
            from: from.clone(),
        };
        let smtp = Smtp { config, tls: None, from };
        let now = Clock::system().now();
        let url = format!("https://chatty.example/auth/digest/7-{}", "x".repeat(80));
        for end in [None, Some(url.clone())] {
            let job = Model {
                id: 1,
                user_id: 7,
                kind: "digest".to_owned(),
                to_address: "ann@example.org".to_owned(),
                to_key: "ann@example.org".to_owned(),
                subject: "x".to_owned(),
                text: "x".to_owned(),
                html: "x".to_owned(),
                state: "queued".to_owned(),
                attempts: 0,
                due_at: now,
                last_error: None,
                created_at: now,
                sent_at: None,
                refusals: 0,
                refused_since: None,
                unsettled: 0,
                give_up_at: None,
                unsubscribe_url: end.clone(),
            };
            let text = String::from_utf8(smtp.message(&job).unwrap().1).unwrap();
            let headers = text.split("\r\n\r\n").next().unwrap();
            let lines: Vec<&str> = headers.lines().filter(|line| line.starts_with("List-")).collect();
            let expected = format!("List-Unsubscribe: <{url}>");
            let expected = [expected.as_str(), "List-Unsubscribe-Post: List-Unsubscribe=One-Click"];
            assert_eq!(lines, if end.is_some() { &expected[..] } else { &[] }, "{headers}");
        }
    }
}
