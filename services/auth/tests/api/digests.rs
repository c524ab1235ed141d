//! The digest of notifications: asked for, made once a day at most, and ended by the link in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::config::Env;
use testkit::app::TestApp;
use testkit::others::app_of;

use crate::people::{events, header, log_in, mails, member};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The notifications that subscriptions has: four likes, 30 followers and a warning of the second day, and a comment
/// from before.
fn notifications() -> Value {
    let one = |kind: &str, at: &str, count: i64| json!({ "kind": kind, "created_at": at, "user_count": count });
    let (new, old) = ("2026-03-02T11:00:00.000000Z", "2026-02-28T00:00:00.000000Z");
    let new = [
        one("like", new, 3),
        one("follow", new, 30),
        one("like", new, 1),
        one("other", new, 1),
        one("warning", new, 0),
    ];
    // There is a next page, but nothing on it is new.
    let all: Vec<Value> = new.into_iter().chain([one("comment", old, 1)]).collect();
    json!({ "notifications": all, "next": "more" })
}

/// Starts auth beside a subscriptions that answers 503 while `away` is true. It checks the token of each request.
async fn spawn(away: Arc<AtomicBool>) -> TestApp {
    let answer = async move |headers: HeaderMap, uri: Uri| {
        assert_eq!(uri.query(), Some("unread=true&limit=100"));
        let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
        assert_eq!((&claims["username"], &claims["scope"]), (&json!("ann"), &json!("read")));
        let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!((lifetime, &claims["role"]), (60, &json!("user")));
        if away.load(Ordering::Relaxed) { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(Json(notifications())) }
    };
    TestApp::spawn(auth::NAME, async |deps| {
        deps.peers.set_app(app_of(Router::new().route("/notifications", get(answer))));
        let config = auth::Config::from_env(&Env::default(), &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await
}

/// The digests among the mails to ann, which are at least `count` mails in all, the newest first.
async fn digests(app: &TestApp, count: usize) -> Vec<Value> {
    let mut mails = mails(app, "ann@example.org", count).await;
    mails.retain(|mail| mail["subject"] == "What has happened at Chatty");
    mails
}

#[tokio::test]
async fn a_digest_is_made_once_a_day_while_it_is_wanted() {
    let app = spawn(Arc::default()).await;
    let (_, ann, _) = member(&app, "ann").await;
    let set = async |is_on: bool| {
        let answer = app.patch("/auth/me", json!({ "mail_digest": is_on })).bearer(&ann).send().await;
        assert_eq!((answer.status, &answer.json["mail_digest"]), (200, &json!(is_on)), "{}", answer.text);
    };
    assert_eq!(app.get("/auth/me").bearer(&ann).send().await.json["mail_digest"], false);
    let cleared = app.patch("/auth/me", json!({ "mail_digest": null })).bearer(&ann).send().await;
    cleared.is_problem(422, "");
    events(&app).await;
    set(true).await;
    set(true).await;
    assert_eq!(events(&app).await, [], "no other service has to know");

    app.clock.advance(DAY);
    let [digest] = digests(&app, 2).await.try_into().unwrap();
    let text = digest["text"].as_str().unwrap();
    let counted: Vec<&str> = text.lines().filter(|line| line.contains(": ")).collect();
    let expected = ["Warnings by an administrator: 1", "Likes of your posts: 4", "New followers: 30"];
    assert_eq!(counted, expected, "{text}");
    assert!(!text.contains("There is more"), "{text}");
    // Nothing is told twice.
    app.clock.advance(DAY);
    app.eventually(async || next_digest(&app).await > app.clock.now().unix_micros(), "the next digest").await;
    assert_eq!(digests(&app, 2).await.len(), 1);
    let ann = log_in(&app, "ann").await["token"].as_str().unwrap().to_owned();

    // The link leads to a page, and a POST ends the digests, which needs no login and may come twice.
    let link = text.lines().find_map(|line| line.find("/auth/digest/").map(|at| &line[at..])).unwrap();
    let opened = app.get(link).send().await;
    let page = link.replace("/auth/", "http://127.0.0.1:8080/");
    assert_eq!((opened.status, header(&opened, "location")), (303, &*page));
    assert_eq!(app.get("/auth/me").bearer(&ann).send().await.json["mail_digest"], true);
    for _ in 0..2 {
        let call = app.post(link, json!(null)).body("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click");
        let ended = call.send().await;
        assert_eq!((ended.status, &ended.json["message"]), (200, &json!("You get no more digests")), "{}", ended.text);
    }
    assert_eq!(app.get("/auth/me").bearer(&ann).send().await.json["mail_digest"], false);
    for bad in ["/auth/digest/x", "/auth/digest/1-x", &format!("{link}A"), &link.replace("digest/", "digest/1")] {
        app.post(bad, json!(null)).send().await.is_problem(404, "There is nothing to end at this address");
    }
    app.finish().await;
}

/// The time of ann's next digest in microseconds; 0 if there is none.
async fn next_digest(app: &TestApp) -> i64 {
    let db = app.db().read();
    let sql = "SELECT digest_at FROM users WHERE username = 'ann'";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    let at: Option<Timestamp> = row.try_get("", "digest_at").unwrap();
    at.map_or(0, Timestamp::unix_micros)
}

#[tokio::test]
async fn a_digest_that_could_not_be_made_is_made_later() {
    let away = Arc::new(AtomicBool::new(true));
    let app = spawn(away.clone()).await;
    let (_, ann, _) = member(&app, "ann").await;
    app.patch("/auth/me", json!({ "mail_digest": true })).bearer(&ann).send().await;
    app.clock.advance(DAY);
    // The claim of the failed try moves the time by ten minutes.
    let claimed = (app.clock.now() + Duration::from_secs(600)).unix_micros();
    app.eventually(async || next_digest(&app).await == claimed, "a failed try").await;
    away.store(false, Ordering::Relaxed);
    assert_eq!(digests(&app, 1).await.len(), 0);
    app.clock.advance(Duration::from_secs(601));
    assert_eq!(digests(&app, 2).await.len(), 1);
    assert_eq!(next_digest(&app).await, (app.clock.now() + DAY).unix_micros());
    events(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_who_is_blocked_gets_a_digest() {
    let app = spawn(Arc::default()).await;
    let (id, ann, _) = member(&app, "ann").await;
    app.patch("/auth/me", json!({ "mail_digest": true })).bearer(&ann).send().await;
    app.deliver("moderation.user", &[json!({ "id": id, "version": 1, "blocked": true })]).await;
    app.clock.advance(DAY);
    app.eventually(async || next_digest(&app).await > app.clock.now().unix_micros(), "the next time").await;
    assert_eq!(digests(&app, 1).await.len(), 0);
    events(&app).await;
    app.finish().await;
}
