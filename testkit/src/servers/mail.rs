//! The mail sink: a small SMTP server that stores all mails instead of delivering them, and an HTTP page that returns
//! them as JSON in the form of Chatty's development mailbox.
//!
//! The sink can also misbehave as mail servers do (see [`mail::Mood`]), so that the retries of the mail worker can be
//! tested.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use mail_parser::{MessageParser, PartType};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The number of mails that are remembered. When there are more, the oldest ones are forgotten.
const MAX_MESSAGES: usize = 10_000;
/// The limit for a mail, in bytes. It is announced by SIZE (RFC 1870).
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The limit for the recipients of a mail. RFC 5321, 4.5.3.1.8, wants a server to take at least 100.
const MAX_RECIPIENTS: usize = 100;
/// The limit for a line, in bytes. RFC 5321, 4.5.3.1.6, allows 1 000 bytes of text, but some senders do not fold at
/// all.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// The time that the server waits for a line, and also the delay of each answer of a slow server.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way in which the server takes mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mood {
    /// Accepts every mail.
    #[default]
    Kind,
    /// Postpones every mail (421).
    Busy,
    /// Refuses every mail for good (550).
    Strict,
    /// Delays each answer by 60 s, longer than a client waits.
    Slow,
    /// Stores every mail and hangs up without an answer, so that the client cannot know.
    Forgetful,
}

/// A mail as the mailbox returns it. A mail to several recipients becomes several of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The number of the mail, counted from 1.
    pub id: u64,
    /// The recipient's address in the envelope.
    pub to: String,
    /// The decoded subject.
    pub subject: String,
    /// The decoded plain text.
    pub text: String,
    /// The HTML text, if the mail has one.
    pub html: Option<String>,
    /// The time at which the mail arrived (RFC 3339, UTC).
    pub created_at: String,
}

/// The stored mails. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    /// The oldest first.
    messages: VecDeque<Message>,
    last_id: u64,
    file: Option<std::fs::File>,
}

impl Mailbox {
    /// Opens a mailbox that keeps its mails in a file, so that they survive the process. The mails that the file
    /// already holds are read.
    pub fn open(path: &Path) -> Result<Self> {
        let mut stored = Stored::default();
        if path.exists() {
            let text = std::fs::read_to_string(path)?;
            // A kill in the middle of a write leaves half a line. Its mail was never acknowledged, so it is skipped.
            for message in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
                stored.push(message);
            }
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(path)?;
        // Ends a line that was cut off.
        file.write_all(b"\n")?;
        stored.file = Some(file);
        Ok(Self(Arc::new(Mutex::new(stored))))
    }

    /// Returns the mails to an address, or all of them, the newest first.
    #[must_use]
    pub fn messages(&self, to: Option<&str>) -> Vec<Message> {
        let stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |message: &&Message| to.is_none_or(|to| message.to.eq_ignore_ascii_case(to));
        stored.messages.iter().rev().filter(wanted).cloned().collect()
    }

    /// Stores a mail once for each recipient.
    fn accept(&self, recipients: &[String], raw: &[u8]) -> Result<()> {
        let (subject, text, html) = parse(raw);
        let now = DateTime::<Utc>::from(SystemTime::now());
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for to in recipients {
            let message = Message {
                id: stored.last_id + 1,
                to: to.clone(),
                subject: subject.clone(),
                text: text.clone(),
                html: html.clone(),
                created_at: now.to_rfc3339_opts(SecondsFormat::Micros, true),
            };
            if let Some(file) = &mut stored.file {
                let mut line = serde_json::to_vec(&message)?;
                line.push(b'\n');
                file.write_all(&line)?;
            }
            stored.push(message);
        }
        Ok(())
    }
}

impl Stored {
    fn push(&mut self, message: Message) {
        self.last_id = message.id;
        self.messages.push_back(message);
        if self.messages.len() > MAX_MESSAGES {
            self.messages.pop_front();
        }
    }
}

/// Decodes a mail: subject, plain text, and HTML if there is any. Text that is no mail becomes the plain text.
fn parse(raw: &[u8]) -> (String, String, Option<String>) {
    let Some(mail) = MessageParser::default().parse(raw) else {
        return (String::new(), String::from_utf8_lossy(raw).into_owned(), None);
    };
    let subject = mail.subject().unwrap_or_default().to_owned();
    let text = mail.body_text(0).unwrap_or_default().into_owned();
    // The parser would make HTML out of a plain text; the mailbox returns only what was sent.
    let html = mail.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.clone().into_owned()),
        _ => None,
    });
    (subject, text, html)
}

/// Serves SMTP and the page until one of them fails.
pub async fn serve(mailbox: Mailbox, mood: Mood, smtp: TcpListener, http: TcpListener) -> Result<()> {
    let pages = axum::serve(http, router(mailbox.clone()));
    tokio::select! {
        ended = pages => ended.context("the mailbox's page ended"),
        ended = serve_smtp(mailbox, mood, smtp) => ended.context("the SMTP server ended"),
    }
}

fn router(mailbox: Mailbox) -> Router {
    Router::new().route("/", get(list_messages)).route("/dev/mail", get(list_messages)).with_state(mailbox)
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

#[derive(Serialize)]
struct MessageList {
    messages: Vec<Message>,
}

async fn list_messages(State(mailbox): State<Mailbox>, Query(filter): Query<Filter>) -> Json<MessageList> {
    let messages = mailbox.messages(filter.to.as_deref());
    Json(MessageList { messages })
}

async fn serve_smtp(mailbox: Mailbox, mood: Mood, listener: TcpListener) -> Result<()> {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let mailbox = mailbox.clone();
                // An error ends this session only. The client has to notice that itself.
                sessions.spawn(async move { Session::new(mailbox, mood, stream).run().await.ok() });
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// One SMTP session (RFC 5321), with the envelope of the mail that is under way.
struct Session {
    mailbox: Mailbox,
    mood: Mood,
    stream: BufStream<TcpStream>,
    has_sender: bool,
    recipients: Vec<String>,
}

impl Session {
    fn new(mailbox: Mailbox, mood: Mood, stream: TcpStream) -> Self {
        Self { mailbox, mood, stream: BufStream::new(stream), has_sender: false, recipients: Vec::new() }
    }

    async fn run(mut self) -> Result<()> {
        self.answer("220 localhost Chatty mail sink").await?;
        while let Some(line) = self.read_line().await? {
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "HELO" => self.answer("250 localhost").await?,
                "EHLO" => {
                    let size = format!("250 SIZE {MAX_MESSAGE_BYTES}");
                    // SMTPUTF8 is not offered, because few servers know it and mails have to get along without it.
                    let lines = ["250-localhost", "250-PIPELINING", "250-8BITMIME", size.as_str()];
                    self.answer(&lines.join("\r\n")).await?;
                }
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.reset();
                    self.answer("250 OK").await?;
                }
                "NOOP" => self.answer("250 OK").await?,
                "QUIT" => return self.answer("221 Bye").await,
                _ => self.answer("502 Command not implemented").await?,
            }
        }
        Ok(())
    }

    async fn mail(&mut self, rest: &str) -> Result<()> {
        let Some((_, parameters)) = path_after("FROM:", rest) else {
            return self.answer("501 Syntax: MAIL FROM:<address>").await;
        };
        let declared = parameters
            .split_ascii_whitespace()
            .find_map(|p| p.to_ascii_uppercase().strip_prefix("SIZE=")?.parse().ok());
        if declared.is_some_and(|size: usize| size > MAX_MESSAGE_BYTES) {
            return self.answer("552 Message too large").await;
        }
        // The declared size is only a hint; the real one is checked while the data comes.
        self.reset();
        self.has_sender = true;
        self.answer("250 OK").await
    }

    async fn rcpt(&mut self, rest: &str) -> Result<()> {
        if !self.has_sender {
            return self.answer("503 MAIL first").await;
        }
        match path_after("TO:", rest) {
            Some((address, _)) if !address.is_empty() => {
                if self.recipients.len() == MAX_RECIPIENTS {
                    return self.answer("452 Too many recipients").await;
                }
                self.recipients.push(address.to_owned());
                self.answer("250 OK").await
            }
            _ => self.answer("501 Syntax: RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self) -> Result<()> {
        if self.recipients.is_empty() {
            return self.answer("503 RCPT first").await;
        }
        self.answer("354 End with a line that holds only a dot").await?;
        let mut raw = Vec::new();
        let mut size = 0;
        loop {
            let line = self.read_line().await?.context("cut off inside DATA")?;
            if line == b".\r\n" || line == b".\n" {
                break;
            }
            // The sender doubles a leading dot (RFC 5321, 4.5.2).
            let line = line.strip_prefix(b".").unwrap_or(&line);
            size += line.len();
            // Data that is too large is still read to its end, or the client could not get the answer.
            if size <= MAX_MESSAGE_BYTES {
                raw.extend_from_slice(line);
            }
        }
        let recipients = std::mem::take(&mut self.recipients);
        self.reset();
        if size > MAX_MESSAGE_BYTES {
            return self.answer("552 Message too large").await;
        }
        match self.mood {
            Mood::Busy => return self.answer("421 Come again later").await,
            Mood::Strict => return self.answer("550 Not here").await,
            Mood::Kind | Mood::Slow | Mood::Forgetful => {}
        }
        match self.mailbox.accept(&recipients, &raw) {
            Ok(()) if self.mood == Mood::Forgetful => anyhow::bail!("hung up, as it was told to"),
            Ok(()) => self.answer("250 OK").await,
            Err(_) => self.answer("451 Cannot keep the message").await,
        }
    }

    /// Forgets the envelope.
    fn reset(&mut self) {
        self.has_sender = false;
        self.recipients.clear();
    }

    async fn answer(&mut self, text: &str) -> Result<()> {
        if self.mood == Mood::Slow {
            tokio::time::sleep(PATIENCE).await;
        }
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads a line with its end; `None` at the end of the connection.
    ///
    /// # Errors
    /// If no line comes within 60 s, or if the line is too long or cut off.
    async fn read_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(MAX_LINE_BYTES);
        let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
        match (read, line.last()) {
            (0, _) => Ok(None),
            (_, Some(b'\n')) => Ok(Some(line)),
            _ => anyhow::bail!("a line is too long or cut off"),
        }
    }
}

/// Splits a text such as `FROM:<address> KEY=VALUE` into the address and the parameters.
fn path_after<'a>(keyword: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let path = rest.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    path.split_once('>')
}
