//! The way to a mail server: accepted, refused for now, refused for good, and no encryption where it is required.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use testkit::app::TestApp;
use testkit::servers::mail::{self, Mailbox};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::people::{events, register, spawn_with};

/// State, text, attempts and last error of the only mail.
async fn job(app: &TestApp) -> (String, String, i64, Option<String>) {
    let db = app.db().read();
    let sql = "SELECT state, text, attempts, last_error FROM mail_jobs";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    let text = |column: &str| row.try_get("", column).unwrap();
    (text("state"), text("text"), row.try_get("", "attempts").unwrap(), row.try_get("", "last_error").unwrap())
}

/// A mail server that answers every recipient with one line. Its port, and how many recipients it has seen.
async fn refusing(answer: &'static str) -> (u16, Arc<AtomicU64>) {
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
                    "RCPT" => {
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

#[tokio::test(flavor = "local")]
async fn a_mail_refused_for_good_is_parked_and_one_refused_for_now_is_tried_again() {
    let (port, seen) = refusing("550 no such person").await;
    let app = with_server(port, "?tls=none").await;
    register(&app, "ann").await;
    app.eventually(async || job(&app).await.0 == "parked", "the mail to be parked").await;
    assert!(job(&app).await.3.unwrap().contains("550"));
    assert_eq!(seen.load(Ordering::Relaxed), 1);
    events(&app).await;

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
    // After a day the link is of no use any more.
    app.clock.advance(Duration::from_secs(24 * 3_600));
    app.eventually(async || job(&app).await.0 == "parked", "the mail to be given up").await;
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
