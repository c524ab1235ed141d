//! The dialogue with a mail server that accepts mails, refuses them for now or for good, breaks off, or lacks
//! encryption.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use testkit::app::TestApp;
use testkit::servers::mail::{self, Mailbox};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::people::{events, register, spawn_with};

/// A mail server that tests start and stop, each time with another behaviour.
pub(crate) struct Sink {
    mailbox: Mailbox,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sink {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open(&folder.path().join("mails")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        Self { mailbox, port, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// The mails to an address that the server has accepted.
    pub(crate) fn mails(&self, to: &str) -> Vec<mail::Message> {
        self.mailbox.messages(Some(to))
    }

    /// Runs the server with this behaviour while the test runs.
    pub(crate) async fn during(&self, mood: mail::Mood, test: impl Future<Output = ()>) {
        let (smtp, http) = (TcpListener::bind(("127.0.0.1", self.port)).await, TcpListener::bind("127.0.0.1:0").await);
        let serving = mail::serve(self.mailbox.clone(), mood, smtp.unwrap(), http.unwrap());
        tokio::select! { served = serving => panic!("the sink ended: {served:?}"), () = test => {} }
    }
}

/// Wakes the worker after the clock has moved. The request for a link is the only public way, so it names an unknown
/// address.
pub(crate) async fn wake(app: &TestApp) {
    let asked = app.post("/auth/verify/resend", serde_json::json!({ "email": "nobody@example.org" })).send().await;
    assert_eq!(asked.status, 202);
}

/// Moves the clock and waits until all queued mails were tried again. Returns the state of Ann's mail.
async fn later(app: &TestApp, span: Duration) -> String {
    // Deleted, so that the next result can be told from this one.
    let tx = app.db().begin().await.unwrap();
    let sql = "UPDATE mail_jobs SET last_error = NULL WHERE state = 'queued'";
    tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(span);
    wake(app).await;
    settled(app).await
}

/// Waits until every queued mail has a result. Returns the state of Ann's mail.
async fn settled(app: &TestApp) -> String {
    let due = "SELECT COUNT(*) AS waiting FROM mail_jobs WHERE state = 'queued' AND last_error IS NULL";
    app.eventually(
        async || {
            let db = app.db().read();
            let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), due)).await.unwrap().unwrap();
            row.try_get::<i64>("", "waiting").unwrap() == 0
        },
        "an outcome",
    )
    .await;
    job(app).await.0
}

/// The state, text, number of tries and last error of Ann's mail.
async fn job(app: &TestApp) -> (String, String, i64, Option<String>) {
    let db = app.db().read();
    let sql = "SELECT state, text, attempts, last_error FROM mail_jobs WHERE to_address = 'ann@example.org'";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    let text = |column: &str| row.try_get("", column).unwrap();
    (text("state"), text("text"), row.try_get("", "attempts").unwrap(), row.try_get("", "last_error").unwrap())
}

/// Starts a mail server that answers every recipient with this line. Returns its port and its counter of recipients.
async fn refusing(answer: &'static str) -> (u16, Arc<AtomicU64>) {
    answering("RCPT", answer).await
}

/// Starts a mail server that answers this command with this line. Returns its port and its counter of such commands.
async fn answering(verb: &'static str, answer: &'static str) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&seen);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 test\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                let reply = match line.get(..4).unwrap_or_default() {
                    said if said == verb => {
                        count.fetch_add(1, Ordering::Relaxed);
                        answer
                    }
                    "QUIT" => "221 bye",
                    _ => "250 fine",
                };
                stream.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                line.clear();
            }
        }
    });
    (port, seen)
}

async fn with_server(port: u16, query: &str) -> TestApp {
    spawn_with(&[("SMTP_URL", &format!("smtp://127.0.0.1:{port}{query}"))]).await.0
}

#[tokio::test]
async fn an_accepted_mail_is_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::open(&folder.path().join("mails")).unwrap();
    let (smtp, http) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = smtp.local_addr().unwrap().port();
    let serving = mail::serve(mailbox.clone(), mail::Mood::Kind, smtp, http);
    let test = async {
        let app = with_server(port, "?tls=none").await;
        register(&app, "ann").await;
        app.eventually(async || job(&app).await.0 == "sent", "the mail to be sent").await;
        let messages = mailbox.messages(Some("ann@example.org"));
        assert_eq!(messages.len(), 1);
        assert!(messages[0].text.lines().any(|line| line.starts_with("http") && line.contains("/auth/verify/")));
        assert!(messages[0].html.as_ref().is_some_and(|html| html.contains("href=")));
        let (_, text, attempts, error) = job(&app).await;
        assert_eq!((text.as_str(), attempts, error), ("", 1, None));
        assert_eq!(events(&app).await.len(), 1);
    };
    tokio::select! { served = serving => panic!("the sink ended: {served:?}"), () = test => {} }
}

/// A server that refuses mails for some seconds, because it is busy or misconfigured, must not cost any mail.
#[tokio::test]
async fn a_mail_server_that_refuses_for_some_seconds_parks_nothing_whatever_went_before() {
    let sink = Sink::new().await;
    let (app, _) = spawn_with(&[("SMTP_URL", &sink.url())]).await;
    sink.during(mail::Mood::Busy, async {
        register(&app, "ann").await;
        settled(&app).await;
        for _hour in 0..3 {
            assert_eq!(later(&app, Duration::from_secs(3_600)).await, "queued");
        }
    })
    .await;
    sink.during(mail::Mood::Strict, async {
        register(&app, "bob").await;
        settled(&app).await;
        for _ in 0..5 {
            assert_eq!(later(&app, Duration::from_secs(300)).await, "queued");
        }
    })
    .await;
    sink.during(mail::Mood::Kind, async {
        app.clock.advance(Duration::from_secs(3_600));
        wake(&app).await;
        for to in ["ann@example.org", "bob@example.org"] {
            app.eventually(async || !sink.mails(to).is_empty(), "the mail to be delivered").await;
            assert_eq!(sink.mails(to).len(), 1);
        }
    })
    .await;
    events(&app).await;
}

#[tokio::test(flavor = "local")]
async fn a_mail_refused_for_good_is_parked_after_several_tries_over_an_hour() {
    let (port, seen) = refusing("550 no such person").await;
    let app = with_server(port, "?tls=none").await;
    register(&app, "ann").await;
    settled(&app).await;
    let mut minutes = 0;
    while job(&app).await.0 == "queued" {
        assert!(minutes < 180, "it is never parked");
        app.clock.advance(Duration::from_secs(60));
        minutes += 1;
        wake(&app).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(minutes >= 60, "parked after {minutes} minutes");
    assert!((4..=12).contains(&seen.load(Ordering::Relaxed)), "{seen:?} tries");
    assert!(job(&app).await.3.unwrap().contains("550"));
    events(&app).await;
}

/// A refused greeting, login or sender is a problem of the configuration. It is not about the mail, so it must not park
/// it.
#[tokio::test(flavor = "local")]
async fn a_refusal_before_the_recipient_parks_nothing() {
    for (verb, answer) in [("EHLO", "554 go away"), ("MAIL", "550 not from you")] {
        let (port, seen) = answering(verb, answer).await;
        let app = with_server(port, "?tls=none").await;
        register(&app, "ann").await;
        settled(&app).await;
        for _ in 0..12 {
            assert_eq!(later(&app, Duration::from_secs(600)).await, "queued", "{verb}");
        }
        assert!(seen.load(Ordering::Relaxed) >= 12);
        events(&app).await;
    }
}

#[tokio::test(flavor = "local")]
async fn a_mail_put_off_is_tried_again_for_a_day() {
    let (port, seen) = refusing("451 come again").await;
    let app = with_server(port, "?tls=none").await;
    register(&app, "ann").await;
    app.eventually(async || job(&app).await.3.is_some(), "the refusal to be noted").await;
    let (state, text, attempts, _) = job(&app).await;
    assert_eq!((state.as_str(), attempts), ("queued", 1));
    assert!(text.contains("/auth/verify/"));
    app.clock.advance(Duration::from_secs(2));
    app.eventually(async || seen.load(Ordering::Relaxed) == 2, "another try").await;
    app.eventually(async || job(&app).await.2 == 2, "another attempt").await;
    // The link in the mail is valid for a day, so trying any longer is useless.
    app.clock.advance(Duration::from_secs(24 * 3_600));
    app.eventually(async || job(&app).await.0 == "parked", "the mail to be given up").await;
    events(&app).await;
}

/// A server that breaks off after the text gets the mail once more, and no third time.
#[tokio::test]
async fn what_was_perhaps_accepted_is_repeated_once_and_then_left_to_people() {
    let sink = Sink::new().await;
    let (app, _) = spawn_with(&[("SMTP_URL", &sink.url())]).await;
    sink.during(mail::Mood::Forgetful, async {
        register(&app, "ann").await;
        settled(&app).await;
        assert_eq!(later(&app, Duration::from_secs(600)).await, "parked");
        for _ in 0..6 {
            assert_eq!(later(&app, Duration::from_secs(600)).await, "parked");
        }
        assert_eq!(sink.mails("ann@example.org").len(), 2);
        assert!(job(&app).await.3.unwrap().starts_with("it may have been delivered"));
    })
    .await;
    events(&app).await;

    // One unknown result alone does not park the mail.
    let sink = Sink::new().await;
    let (app, _) = spawn_with(&[("SMTP_URL", &sink.url())]).await;
    sink.during(mail::Mood::Forgetful, async {
        register(&app, "ann").await;
        settled(&app).await;
    })
    .await;
    sink.during(mail::Mood::Strict, async {
        assert_eq!(later(&app, Duration::from_secs(600)).await, "queued");
    })
    .await;
    sink.during(mail::Mood::Kind, async {
        app.clock.advance(Duration::from_secs(600));
        wake(&app).await;
        app.eventually(async || job(&app).await.0 == "sent", "the mail to be sent").await;
    })
    .await;
    events(&app).await;
}

#[tokio::test(flavor = "local")]
async fn without_encryption_nothing_is_sent_unless_told() {
    let (port, seen) = refusing("250 fine").await;
    let app = with_server(port, "").await;
    register(&app, "ann").await;
    app.eventually(async || job(&app).await.3.is_some(), "the failure to be noted").await;
    let (state, _, _, error) = job(&app).await;
    assert_eq!(state, "queued");
    assert!(error.unwrap().to_lowercase().contains("starttls"));
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    events(&app).await;
}
