//! Tests of the mail sink, in plain SMTP and without a mail library.

use std::path::Path;

use serde_json::{Value, json};
use testkit::servers::mail::{Mailbox, Mood, serve};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running mail sink, with the ports of its SMTP server and of its page.
struct Sink {
    smtp: u16,
    http: u16,
    _server: JoinSet<()>,
}

impl Sink {
    async fn start(file: &Path) -> Self {
        let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ports = [&smtp, &http].map(|l| l.local_addr().unwrap().port());
        let mailbox = Mailbox::open(file).unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move { serve(mailbox, Mood::Kind, smtp, http).await.unwrap() });
        let [smtp, http] = ports;
        Self { smtp, http, _server: server }
    }

    /// Sends each line, and returns the codes of all replies. The first one is that of the greeting.
    async fn talk(&self, lines: &[&str]) -> Vec<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.smtp)).await.unwrap();
        let mut stream = BufStream::new(stream);
        let mut codes = vec![read_reply(&mut stream).await];
        for line in lines {
            stream.write_all(line.as_bytes()).await.unwrap();
            stream.write_all(b"\r\n").await.unwrap();
            stream.flush().await.unwrap();
            codes.push(read_reply(&mut stream).await);
        }
        codes
    }

    async fn messages(&self, query: &str) -> Vec<Value> {
        let url = format!("http://127.0.0.1:{}{query}", self.http);
        let body: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        body["messages"].as_array().unwrap().clone()
    }
}

/// Reads a reply, which may have several lines, and returns its code.
async fn read_reply(stream: &mut BufStream<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        // A hyphen after the code means that another line follows.
        if line.get(3..4) != Some("-") {
            return line.chars().take(3).collect();
        }
    }
}

/// A mail with everything that has to be decoded: an encoded subject, two parts, soft line breaks, and a doubled dot.
const MAIL: &str = "From: Chatty <no-reply@chatty.example>\r\n\
    To: ann@example.org\r\n\
    Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\
    \r\n\
    --b\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\
    \r\n\
    ..starts with a dot\r\n\
    http://127.0.0.1/auth/verify/abc=\r\n\
    def?a=3D1\r\n\
    --b\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    \r\n\
    <p>Hello</p>\r\n\
    --b--\r\n\
    .";

#[tokio::test]
async fn a_mail_arrives_decoded_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.jsonl");
    let sink = Sink::start(&file).await;
    let codes = sink
        .talk(&[
            "EHLO here",
            "NOOP",
            "MAIL FROM:<no-reply@chatty.example> SIZE=500",
            // Addresses are compared without regard to case, and verbs are understood in any.
            "RCPT TO:<Ann@example.org>",
            "rcpt to:<bob@example.org>",
            "DATA",
            MAIL,
            "QUIT",
        ])
        .await;
    assert_eq!(codes, ["220", "250", "250", "250", "250", "250", "354", "250", "221"]);
    let messages = sink.messages("/?to=ann@example.org").await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["to"], "Ann@example.org");
    assert_eq!(messages[0]["subject"], "Grüße");
    let text = messages[0]["text"].as_str().unwrap().replace("\r\n", "\n");
    let expected = ".starts with a dot\nhttp://127.0.0.1/auth/verify/abcdef?a=1";
    assert_eq!(text.trim_end(), expected);
    assert_eq!(messages[0]["html"].as_str().unwrap().trim(), "<p>Hello</p>");

    let plain = "Subject: second\r\n\r\nhello\r\n.";
    sink.talk(&["HELO x", "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA", plain]).await;
    // A new process with the same file has the mails of the old one.
    drop(sink);
    let sink = Sink::start(&file).await;
    let bobs = sink.messages("/dev/mail?to=bob@example.org").await;
    let subjects: Vec<&Value> = bobs.iter().map(|message| &message["subject"]).collect();
    assert_eq!(subjects, [&json!("second"), &json!("Grüße")]);
    assert_eq!(bobs[0]["html"], Value::Null);
    assert_eq!(sink.messages("/").await.len(), 3);
    assert!(sink.messages("/?to=nobody@example.org").await.is_empty());
}

#[tokio::test]
async fn a_conversation_out_of_order_or_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Sink::start(&folder.path().join("mail.jsonl")).await;
    // More than 1 MiB, which is the limit.
    let large = format!("{}\r\n.", "0123456789\r\n".repeat(120_000));
    let codes = sink
        .talk(&[
            "RCPT TO:<a@example.org>",
            "DATA",
            "MAIL to nobody",
            "MAIL FROM:<a@example.org> SIZE=99999999",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<>",
            "DATA",
            "RCPT TO:<a@example.org>",
            "RSET",
            "DATA",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<a@example.org>",
            "DATA",
            &large,
            "VRFY a",
        ])
        .await;
    assert_eq!(
        codes,
        [
            "220", "503", "503", "501", "552", "250", "501", "503", "250", "250", "503", "250", "250", "354", "552",
            "502"
        ]
    );
    assert!(sink.messages("/").await.is_empty());
}
