//! What the links in mails offer to the pages behind them.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{PASSWORD, events, header, link, mails, member, offer, register, spawn};

const BAD_VERIFICATION: &str = "Verification link is invalid or expired";
const BAD_RESET: &str = "Reset link or code is invalid or expired";
const BAD_LINK: &str = "Link is invalid or expired";
const NEW: &str = "Ann@New.example";

/// The link in the newest of the `count` mails to an address.
async fn newest(app: &TestApp, to: &str, count: usize) -> String {
    link(&mails(app, to, count).await[0])
}

/// Sends ann a link that resets her password. She has had `before` mails.
async fn forget(app: &TestApp, before: usize) -> String {
    app.post("/auth/password/forgot", json!({ "email": "ann@example.org" })).send().await;
    newest(app, "ann@example.org", before + 1).await
}

/// Lets ann ask for a new address, which has had `before` mails.
async fn change(app: &TestApp, token: &str, before: usize) -> String {
    let body = json!({ "email": NEW, "password": PASSWORD });
    assert_eq!(app.post("/auth/email", body).bearer(token).send().await.status, 202);
    newest(app, NEW, before + 1).await
}

async fn follow(app: &TestApp, link: &str) -> u16 {
    app.call(Method::POST, link, None).send().await.status
}

/// Asserts the offer of a link, twice, because looking must change nothing.
async fn is_offer(app: &TestApp, link: &str, purpose: &str, email: Option<&str>, done: bool) {
    let expected = json!({ "purpose": purpose, "username": "ann", "email": email, "done": done });
    for _twice in 0..2 {
        let found = offer(app, link).await;
        assert_eq!((found.status, &found.json), (200, &expected), "{}", found.text);
        assert_eq!((header(&found, "cache-control"), header(&found, "pragma")), ("no-store", "no-cache"));
    }
}

#[tokio::test]
async fn a_verification_link_names_the_account_before_and_after() {
    let app = spawn().await;
    register(&app, "ann").await;
    let link = newest(&app, "ann@example.org", 1).await;
    events(&app).await;
    is_offer(&app, &link, "verification", None, false).await;
    assert!(events(&app).await.is_empty(), "looking must not verify");
    assert_eq!(follow(&app, &link).await, 200);
    is_offer(&app, &link, "verification", None, true).await;

    register(&app, "bob").await;
    let late = newest(&app, "bob@example.org", 1).await;
    app.clock.advance(Duration::from_secs(24 * 3_600));
    offer(&app, &late).await.is_problem(404, BAD_VERIFICATION);
    events(&app).await;
}

#[tokio::test]
async fn a_reset_link_names_the_account_until_it_is_used_or_over() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    let first = forget(&app, 1).await;
    is_offer(&app, &first, "password_reset", None, false).await;
    let body = json!({ "token": first.rsplit('/').next(), "password": "another horse, another lamp" });
    assert_eq!(app.post("/auth/password/reset", body).send().await.status, 204);
    offer(&app, &first).await.is_problem(404, BAD_RESET);
    mails(&app, "ann@example.org", 3).await;

    let late = forget(&app, 3).await;
    app.clock.advance(Duration::from_secs(30 * 60));
    offer(&app, &late).await.is_problem(404, BAD_RESET);
    app.get("/auth/me").bearer(&access).send().await.is_problem(401, "");
    events(&app).await;
}

#[tokio::test]
async fn the_links_to_both_addresses_of_a_change_name_what_they_give() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    let (reset, confirm) = (forget(&app, 1).await, change(&app, &access, 0).await);
    is_offer(&app, &confirm, "email_change", Some(NEW), false).await;
    assert_eq!(follow(&app, &confirm).await, 200);
    offer(&app, &confirm).await.is_problem(404, BAD_LINK);
    // It went to an address that is not the one of the account any more.
    offer(&app, &reset).await.is_problem(404, BAD_RESET);

    let undo = newest(&app, "ann@example.org", 3).await;
    is_offer(&app, &undo, "email_undo", Some("ann@example.org"), false).await;
    assert_eq!(follow(&app, &undo).await, 200);
    offer(&app, &undo).await.is_problem(404, BAD_LINK);
    events(&app).await;
}

#[tokio::test]
async fn a_link_has_one_purpose_and_what_is_no_link_has_none() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    let confirm = change(&app, &access, 0).await;
    let token = confirm.rsplit('/').next().unwrap();
    for other in ["/auth/verify/", "/auth/email/undo/", "/auth/digest/"] {
        assert_eq!(follow(&app, &format!("{other}{token}")).await, 404, "{other}");
    }
    is_offer(&app, &confirm, "email_change", Some(NEW), false).await;
    app.clock.advance(Duration::from_secs(24 * 3_600));
    offer(&app, &confirm).await.is_problem(404, BAD_LINK);
    let long = "x".repeat(1_000);
    for bad in ["1", "nonsense", "%00", "..%2f", &long] {
        app.get(&format!("/auth/links/{bad}")).send().await.is_problem(404, BAD_LINK);
    }
    app.get("/auth/links/%ff").send().await.is_problem(400, "");
    app.get("/auth/links/").send().await.is_problem(404, "");
    app.post(&format!("/auth/links/{token}"), Value::Null).send().await.is_problem(405, "");
    events(&app).await;
}

/// The signs in a token stay in the last part of the address that it leads to.
#[tokio::test]
async fn a_token_leads_to_no_other_page() {
    let app = spawn().await;
    for (way, page) in [
        ("verify", "verify"),
        ("password/reset", "reset"),
        ("email/confirm", "email/confirm"),
        ("email/undo", "email/undo"),
        ("digest", "digest"),
    ] {
        for (token, encoded) in [
            ("a-b_c", "a-b_c"),
            ("..%2f..%2fx", "..%2F..%2Fx"),
            ("a%3fb%23c", "a%3Fb%23c"),
            ("%0d%0ax", "x"),
            ("%25", "%25"),
            ("%00", "%00"),
        ] {
            let opened = app.get(&format!("/auth/{way}/{token}")).send().await;
            let page = format!("http://127.0.0.1:8080/{page}/{encoded}");
            assert_eq!((opened.status, header(&opened, "location")), (303, &*page), "{way} {token}");
        }
        let dots = app.get(&format!("/auth/{way}/%2e%2e")).send().await;
        assert_eq!(header(&dots, "location"), format!("http://127.0.0.1:8080/{page}"), "{way}");
    }
}
