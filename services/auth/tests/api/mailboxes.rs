//! A mailbox has one account, however its address is spelled, and mails are sent in a form that every mail server
//! accepts.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use testkit::app::{Answer, TestApp};
use testkit::servers::mail::Mood;

use crate::people::{PASSWORD, events, link, mails, pointers, spawn, spawn_with};
use crate::smtp::Sink;

async fn with_address(app: &TestApp, username: &str, email: &str) -> Answer {
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    app.post("/auth/register", body).send().await
}

#[tokio::test]
async fn an_address_is_one_mailbox_however_its_domain_is_written() {
    let app = spawn().await;
    assert_eq!(with_address(&app, "ann", "ann@bücher.example").await.status, 201);
    let link = link(&mails(&app, "ann@bücher.example", 1).await[0]);
    assert_eq!(app.call(Method::POST, &link, None).send().await.status, 200);
    assert_eq!(events(&app).await.len(), 2);
    let same = [
        "ann@bücher.example",
        "ann@bu\u{308}cher.example",
        "ann@xn--bcher-kva.example",
        "ann@XN--BCHER-KVA.EXAMPLE",
        "ann@ｂücher．example",
        "\"a\\nn\"@bücher.example",
    ];
    for (index, email) in same.into_iter().enumerate() {
        // One mail an hour goes to one mailbox.
        app.clock.advance(Duration::from_secs(3_600));
        let answer = with_address(&app, &format!("second{index}"), email).await;
        assert_eq!(answer.status, 201, "{email}: {}", answer.text);
        assert!(events(&app).await.is_empty(), "{email} got an account of its own");
        // Waited for each time, because a mail that is still queued would be replaced by the next one.
        let newest = &mails(&app, "ann@xn--bcher-kva.example", 2 + index).await[0];
        assert_eq!(newest["subject"], "You already have an account");
    }
    // Addresses that the standards distinguish have accounts of their own.
    for (name, email) in
        [("tag", "ann+tag@bücher.example"), ("sub", "ann@a.bücher.example"), ("ue", "ann@buecher.example")]
    {
        assert_eq!(with_address(&app, &format!("{name}er"), email).await.status, 201);
        assert_eq!(events(&app).await.len(), 1, "{email}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_one_is_refused_with_the_reason() {
    let app = spawn().await;
    for (email, reason) in [
        ("ann@example.org ", "must not contain spaces"),
        (" ann@example.org", "must not contain spaces"),
        ("ann@exam ple.org", "must not contain spaces"),
        ("ann@example.org\u{a0}", "must not contain spaces"),
        ("jürgen@example.org", "must have only ASCII characters before the @: many mail servers deliver to no others"),
        ("ann@example.org.", "must have a host name after the @"),
        ("ann@example.org。", "must have a host name after the @"),
        ("ann@127.0.0.1", "must have a host name after the @"),
        ("ann@[127.0.0.1]", "must have a host name after the @"),
        ("ann@[IPv6:::1]", "must have a host name after the @"),
        ("ann@xn--zzzzzzz99999.example", "must have a host name after the @"),
        ("ann@-a.example", "must have a host name after the @"),
        ("ann@a_b.example", "must have a host name after the @"),
        ("ann@", "must have a host name after the @"),
        ("ann", "must be an e-mail address"),
    ] {
        for answer in [
            with_address(&app, "ann", email).await,
            app.post("/auth/verify/resend", json!({ "email": email })).send().await,
        ] {
            answer.is_problem(422, "");
            assert_eq!(pointers(&answer), ["/email"]);
            assert_eq!(answer.json["errors"][0]["detail"], reason, "{email}");
        }
    }
    events(&app).await;
}

/// Few mail servers support SMTPUTF8, and the one in this test does not either.
#[tokio::test]
async fn mail_leaves_with_the_ascii_form_of_the_domain() {
    let sink = Sink::new().await;
    let from = [("SMTP_URL", sink.url()), ("MAIL_FROM", "Bücher <no-reply@bücher.example>".to_owned())];
    let from: Vec<(&str, &str)> = from.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (app, _) = spawn_with(&from).await;
    sink.during(Mood::Kind, async {
        assert_eq!(with_address(&app, "ann", "Ann@bücher.example").await.status, 201);
        app.eventually(async || sink.mails("Ann@xn--bcher-kva.example").len() == 1, "the mail").await;
    })
    .await;
    events(&app).await;
}
