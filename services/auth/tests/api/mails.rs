//! Verification links, the development mailbox, and mails that cannot be sent.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use crate::people::{events, header, join, link, mails, register, spawn, spawn_with};

const BAD_LINK: &str = "Verification link is invalid or expired";
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn a_browser_is_led_to_the_page_which_verifies_by_a_post() {
    let app = spawn().await;
    register(&app, "ann").await;
    let link = link(&mails(&app, "ann@example.org", 1).await[0]);
    events(&app).await;
    let opened = app.get(&link).header("accept", BROWSER).send().await;
    assert_eq!((opened.status, &*opened.text), (303, ""));
    assert_eq!(opened.headers["location"], link.replace("/auth/", "http://127.0.0.1:8080/"));
    assert_eq!(opened.headers["cache-control"], "no-store");
    assert!(events(&app).await.is_empty(), "looking must not verify");

    for _twice in 0..2 {
        let pressed = app.call(Method::POST, &link, None).send().await;
        assert_eq!((pressed.status, pressed.json), (200, json!({ "message": "Account verified" })));
    }
    let states = events(&app).await;
    assert_eq!((states.len(), &states[0].1["verified"]), (1, &json!(true)));
}

/// Previews and scanners open the links in mails with all kinds of headers. Only a client that names JSON and nothing
/// else is taken for one that wants to verify.
#[tokio::test]
async fn a_get_verifies_only_when_it_asks_for_json_by_name_and_for_nothing_else() {
    let app = spawn().await;
    register(&app, "ann").await;
    let link = link(&mails(&app, "ann@example.org", 1).await[0]);
    let page_of_link = link.replace("/auth/", "http://127.0.0.1:8080/");
    events(&app).await;
    let call = |accept: &[&str]| accept.iter().fold(app.get(&link), |call, line| call.header("accept", line));
    for page in [
        &[][..],
        &[""],
        &["*/*"],
        &["application/*"],
        &["text/*, application/json"],
        &["image/avif,image/webp,*/*;q=0.8"],
        &["application/json, text/plain, */*"],
        &["application/json, text/html;q=0.1"],
        &["application/json", "text/html"],
        &["application/json, text/html;q=much"],
        &["application/json;q=0, */*"],
        &["application/json;q=0"],
        &["application/problem+json"],
        &["application/jsonp"],
        &["application/json;version=2"],
        &["nonsense"],
        &["text/plain"],
        &[BROWSER],
    ] {
        let answer = call(page).send().await;
        assert_eq!((answer.status, header(&answer, "location")), (303, &*page_of_link), "{page:?}");
        assert_eq!((header(&answer, "vary"), header(&answer, "cache-control")), ("accept", "no-store"));
    }
    for accept in [&["application/json"][..], &["*/*"], &[]] {
        let call = accept.iter().fold(app.call(Method::HEAD, &link, None), |call, line| call.header("accept", line));
        assert_eq!(call.send().await.status, 303);
    }
    // A client that refuses pages gets none, and does not verify by accident either.
    for neither in [&["text/html;q=0"][..], &["text/html;q=0, */*"], &["text/*;q=0.0", "*/*"], &["*/*;q=0"]] {
        call(neither).send().await.is_problem(406, "");
    }
    assert!(events(&app).await.is_empty(), "looking must not verify");
    for json in [
        &["application/json"][..],
        &["Application/JSON; charset=utf-8"],
        &["application/json;q=0.5"],
        &["application/json, */*;q=0.1"],
        &["application/json", "*/*"],
        &["text/html;q=0, application/json"],
    ] {
        let answer = call(json).send().await;
        assert_eq!((answer.status, &answer.json), (200, &json!({ "message": "Account verified" })), "{json:?}");
        assert_eq!((header(&answer, "vary"), header(&answer, "cache-control")), ("accept", "no-store"));
    }
    assert_eq!(events(&app).await.len(), 1);
}

/// The mailbox is a page for those who prefer one. A verification answers JSON, whatever is wanted.
#[tokio::test]
async fn a_post_always_verifies_and_the_mailbox_has_the_form_that_is_wanted() {
    let app = spawn().await;
    for (name, accept, html) in [
        ("ann", &[][..], false),
        ("bob", &["*/*"], false),
        ("carl", &[BROWSER], true),
        ("dora", &["text/html;q=0"], false),
        ("eve", &["text/html;q=0.5, application/json"], false),
        ("fay", &["application/json;q=0.2, text/*"], true),
        ("gus", &["*/*;q=0.1", "TEXT/HTML"], true),
        ("hal", &["image/png"], false),
        ("ida", &["text/html;q=0, */*"], false),
    ] {
        register(&app, name).await;
        let link = link(&mails(&app, &format!("{name}@example.org"), 1).await[0]);
        let call = accept.iter().fold(app.call(Method::POST, &link, None), |call, line| call.header("accept", line));
        let answer = call.send().await;
        let verified = json!({ "message": "Account verified" });
        assert_eq!((answer.status, answer.json), (200, verified), "{accept:?}: {}", answer.text);
        let mailbox = accept.iter().fold(app.get("/dev/mail"), |call, line| call.header("accept", line));
        assert_eq!(mailbox.send().await.json.is_null(), html, "{accept:?}");
        assert_eq!(events(&app).await.len(), 2);
    }
}

#[tokio::test]
async fn bad_and_expired_links_are_refused() {
    let app = spawn().await;
    register(&app, "ann").await;
    let link = link(&mails(&app, "ann@example.org", 1).await[0]);
    let long = format!("/auth/verify/{}", "x".repeat(1_000));
    for path in ["/auth/verify/1", "/auth/verify/nonsense", "/auth/verify/%00", "/auth/verify/..%2f", &long] {
        app.get(path).header("accept", "application/json").send().await.is_problem(404, BAD_LINK);
        app.call(Method::POST, path, None).send().await.is_problem(404, BAD_LINK);
    }
    app.get("/auth/verify/%ff").send().await.is_problem(400, "");
    app.clock.advance(Duration::from_secs(24 * 3_600));
    app.call(Method::POST, &link, None).send().await.is_problem(404, BAD_LINK);
    events(&app).await;
}

#[tokio::test]
async fn a_link_is_sent_again_only_to_an_address_that_waits() {
    let app = spawn().await;
    register(&app, "ann").await;
    mails(&app, "ann@example.org", 1).await;
    for email in ["ANN@example.org", "nobody@example.org"] {
        assert_eq!(app.post("/auth/verify/resend", json!({ "email": email })).send().await.status, 202);
    }
    let new = link(&mails(&app, "ann@example.org", 2).await[0]);
    assert_eq!(app.call(Method::POST, &new, None).send().await.status, 200);
    assert_eq!(app.post("/auth/verify/resend", json!({ "email": "ann@example.org" })).send().await.status, 202);
    register(&app, "bob").await;
    mails(&app, "bob@example.org", 1).await;
    mails(&app, "ann@example.org", 2).await;
    mails(&app, "nobody@example.org", 0).await;
    for bad in [json!({ "email": "" }), json!({ "email": "x" }), json!({ "email": 1 }), json!({ "mail": "a@b.c" })] {
        app.post("/auth/verify/resend", bad).send().await.is_problem(422, "");
    }
    events(&app).await;
}

#[tokio::test]
async fn the_mailbox_is_json_and_leads_to_its_page() {
    let app = spawn().await;
    join(&app, "ann").await;
    join(&app, "bob").await;
    let page = app.get("/dev/mail").header("accept", BROWSER).send().await;
    assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (303, "http://127.0.0.1:8080/mailbox"));
    let all = app.get("/dev/mail").send().await.json;
    assert_eq!(all["messages"].as_array().unwrap().len(), 2);
    assert_eq!(all["messages"][0]["to"], "bob@example.org");
    app.get("/dev/mail?to=%00").send().await.is_problem(400, "");
    events(&app).await;
}

#[tokio::test]
async fn a_dead_mail_server_fails_nobody_and_there_is_no_mailbox() {
    // Nothing listens on the discard port of the loopback interface.
    let (app, _) = spawn_with(&[("SMTP_URL", "smtp://127.0.0.1:9?tls=none")]).await;
    assert_eq!(register(&app, "ann").await.status, 201);
    app.get("/dev/mail?to=ann@example.org").send().await.is_problem(404, "");
    assert_eq!(events(&app).await.len(), 1);
}
