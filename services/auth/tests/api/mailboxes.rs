//! A mailbox has one account, however its address is spelled, and mails are sent in a form that every mail server
//! accepts.

use axum::http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};
use testkit::servers::mail::Mood;

use crate::people::{PASSWORD, events, mails, pointers, spawn, spawn_with};
use crate::smtp::Sink;

async fn with_address(app: &TestApp, username: &str, email: &str) -> Answer {
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    app.post("/auth/register", body).send().await
}

#[tokio::test]
async fn an_address_is_one_mailbox_however_its_domain_is_written() {
    let app = spawn().await;
    assert_eq!(with_address(&app, "ann", "ann@bücher.example").await.status, 201);
    assert_eq!(events(&app).await.len(), 1);
    let same = [
        "ann@bücher.example",
        "ann@bu\u{308}cher.example",
        "ann@xn--bcher-kva.example",
        "ann@XN--BCHER-KVA.EXAMPLE",
        "ann@ｂücher．example",
        "\"a\\nn\"@bücher.example",
    ];
    for (index, email) in same.into_iter().enumerate() {
        let answer = with_address(&app, &format!("second{index}"), email).await;
        assert_eq!(answer.status, 201, "{email}: {}", answer.text);
        assert!(events(&app).await.is_empty(), "{email} got an account of its own");
        // Waited for each time, because a mail that is still queued would be replaced by the next one.
        let newest = &mails(&app, "ann@xn--bcher-kva.example", 2 + index).await[0];
        assert_eq!(newest["subject"], "You already have an account");
    }
    let resend = app.post("/auth/verify/resend", json!({ "email": "ann@xn--bcher-kva.example" })).send().await;
    assert_eq!(resend.status, 202);
    let newest = &mails(&app, "ann@bücher.example", 2 + same.len()).await[0];
    assert_eq!(newest["subject"], "Confirm your e-mail address");
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

/// A migration computes the keys of old rows anew. Where two accounts have the same mailbox, the one that has verified
/// it gets the key, or else the older one. The other account can still log in.
#[tokio::test]
async fn old_rows_get_the_keys_of_today_and_two_that_collide_both_live_on() {
    let app = spawn().await;
    for (name, email) in [
        ("ann", "ann@one.example"),
        ("bob", "bob@two.example"),
        ("carl", "carl@three.example"),
        ("dora", "dora@four.example"),
        ("eve", "eve@five.example"),
    ] {
        assert_eq!(with_address(&app, name, email).await.status, 201);
        let link = crate::people::link(&mails(&app, email, 1).await[0]);
        if name == "bob" || name == "eve" {
            assert_eq!(app.call(Method::POST, &link, None).send().await.status, 200);
        }
    }
    events(&app).await;
    let db = app.db();
    let run = async |sql: String| {
        let tx = db.begin().await.unwrap();
        tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
        tx.commit().await.unwrap();
    };
    // The old program stored the typed address in lower case as the key.
    for (name, old) in [
        ("ann", "ann@bücher.example"),
        ("bob", "ann@xn--bcher-kva.example"),
        ("carl", "carl@bücher.example"),
        ("dora", "carl@xn--bcher-kva.example"),
        ("eve", "jürgen@bücher.example"),
    ] {
        run(format!("UPDATE users SET email = '{old}', email_key = '{old}' WHERE username = '{name}'")).await;
        run(format!(
            "UPDATE verifications SET email_key = '{old}' WHERE user_id = (SELECT id FROM users WHERE username = '{name}')"
        ))
        .await;
    }
    run("UPDATE users SET last_name = 'Οδυσσεύς', last_name_key = 'οδυσσεύς', full_name_key = 'οδυσσεύς' WHERE username = 'eve'".to_owned()).await;
    run("DELETE FROM seaql_migrations WHERE version = 'm0007_keys'".to_owned()).await;
    for _twice in 0..2 {
        db.migrate(auth::schema()).await.unwrap();
    }

    let keys = "SELECT id, username, email_key FROM users WHERE username <> 'admin' ORDER BY id";
    let rows = db.read().query_all_raw(Statement::from_string(db.read().get_database_backend(), keys)).await.unwrap();
    let [ann, bob, carl, dora, eve] = [0, 1, 2, 3, 4].map(|row| {
        let id: i64 = rows[row].try_get("", "id").unwrap();
        let key: String = rows[row].try_get("", "email_key").unwrap();
        (id, key)
    });
    // An address cannot contain a space, so no search finds the key of the other account.
    assert_eq!(ann.1, format!("{} ann@xn--bcher-kva.example", ann.0), "bob has verified it");
    assert_eq!(bob.1, "ann@xn--bcher-kva.example");
    assert_eq!(carl.1, "carl@xn--bcher-kva.example", "nobody has verified it, and carl is older");
    assert_eq!(dora.1, format!("{} carl@xn--bcher-kva.example", dora.0));
    assert_eq!(eve.1, "jürgen@xn--bcher-kva.example");
    let found = app.get("/users?name=%CE%9F%CE%94%CE%A5%CE%A3%CE%A3%CE%95%CE%8E%CE%A3").send().await.json;
    assert_eq!(found["users"][0]["username"], "eve", "{found}");
    for name in ["bob", "eve"] {
        let login = json!({ "username": name, "password": PASSWORD });
        assert_eq!(app.post("/auth/login", login).send().await.status, 200, "{name}");
    }
    // Links from before the migration still verify, because the mailbox is the same.
    for (name, email) in [("ann", "ann@one.example"), ("carl", "carl@three.example"), ("dora", "dora@four.example")] {
        let sent: Vec<Value> = mails(&app, email, 1).await;
        let answer = app.call(Method::POST, &crate::people::link(&sent[0]), None).send().await;
        assert_eq!((answer.status, events(&app).await.len()), (200, 1), "{name}");
    }
    assert_eq!(with_address(&app, "late", "ann@BÜCHER.example").await.status, 201);
    assert!(events(&app).await.is_empty());
}
