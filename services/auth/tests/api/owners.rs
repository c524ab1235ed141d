//! Nobody owns an address before it is verified: accounts that wait for the same one stay side by side, and the owner of
//! the mailbox decides which of them is theirs.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, link, mails, offer, spawn};

const ADDRESS: &str = "ann@example.org";
const BAD_LINK: &str = "Verification link is invalid or expired";
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Registers with the address of all these tests and returns the link that was sent.
async fn register(app: &TestApp, username: &str, mails_before: usize) -> String {
    let body = json!({ "username": username, "email": ADDRESS, "password": PASSWORD });
    assert_eq!(app.post("/auth/register", body).send().await.status, 201, "{username}");
    link(&mails(app, ADDRESS, mails_before + 1).await[0])
}

async fn log_in(app: &TestApp, username: &str) -> Answer {
    app.post("/auth/login", json!({ "username": username, "password": PASSWORD })).send().await
}

async fn follow(app: &TestApp, link: &str) -> Answer {
    app.call(Method::POST, link, None).send().await
}

/// The attack is called account pre-hijacking: a thief registers first and waits for the victim to confirm.
#[tokio::test]
async fn a_thief_who_registers_first_gets_nothing() {
    let app = spawn().await;
    let thiefs = register(&app, "thief", 0).await;
    let anns = register(&app, "ann", 1).await;
    assert_eq!(events(&app).await.len(), 2, "both wait");
    assert_eq!(follow(&app, &anns).await.status, 200);
    assert_eq!(log_in(&app, "ann").await.status, 200);
    log_in(&app, "thief").await.is_problem(403, "Account not verified");
    follow(&app, &thiefs).await.is_problem(404, BAD_LINK);
    app.get(&thiefs).header("accept", "application/json").send().await.is_problem(404, BAD_LINK);
    // The address is Ann's now, so nothing is sent that could verify the thief.
    assert_eq!(app.post("/auth/verify/resend", json!({ "email": ADDRESS })).send().await.status, 202);
    mails(&app, ADDRESS, 2).await;
    let states = events(&app).await;
    assert_eq!((states.len(), &states[0].1["username"]), (1, &json!("ann")));

    app.clock.advance(DAY);
    log_in(&app, "thief").await.is_problem(401, "Invalid credentials");
    let body = json!({ "username": "thief", "email": "somebody@example.org", "password": PASSWORD });
    assert_eq!(app.post("/auth/register", body).send().await.status, 201, "the username is free again");
    let states = events(&app).await;
    assert_eq!((&states[0].1["deleted"], &states[0].1["username"]), (&json!(true), &Value::Null));
    assert_eq!((&states[1].1["deleted"], &states[1].1["username"]), (&json!(false), &json!("thief")));
    assert_ne!(states[0].1["id"], states[1].1["id"], "ids are never assigned again");
}

#[tokio::test]
async fn a_link_tells_whose_account_it_is_and_no_deletes_it() {
    let app = spawn().await;
    let thiefs = register(&app, "thief", 0).await;
    let anns = register(&app, "ann", 1).await;
    let waiting = events(&app).await;
    let found = offer(&app, &thiefs).await;
    assert_eq!((found.status, &found.json["username"], &found.json["done"]), (200, &json!("thief"), &json!(false)));
    let no = format!("{thiefs}/reject");
    let answer = follow(&app, &no).await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Registration deleted" })));
    let states = events(&app).await;
    assert_eq!(states.len(), 1);
    let tombstone = json!({
        "id": waiting[0].1["id"], "version": 2, "deleted": true, "username": null, "first_name": null,
        "last_name": null, "bio": null, "created_at": null, "verified": false, "blocked": false, "role": null,
        "session_version": 0
    });
    assert_eq!(states[0].1, tombstone);
    log_in(&app, "thief").await.is_problem(401, "Invalid credentials");
    for gone in [&thiefs, &no] {
        follow(&app, gone).await.is_problem(404, BAD_LINK);
    }
    offer(&app, &thiefs).await.is_problem(404, "Link is invalid or expired");
    mails(&app, ADDRESS, 1).await;

    // The other account is still there, and cannot be deleted in this way once it is verified.
    assert_eq!(follow(&app, &anns).await.status, 200);
    follow(&app, &format!("{anns}/reject")).await.is_problem(404, BAD_LINK);
    let found = offer(&app, &anns).await.json;
    assert_eq!((&found["username"], &found["done"]), (&json!("ann"), &json!(true)));
    assert_eq!(log_in(&app, "ann").await.status, 200);
    assert_eq!(events(&app).await.len(), 1);
}

#[tokio::test]
async fn of_two_links_that_are_followed_at_once_one_wins() {
    let app = spawn().await;
    let links = [register(&app, "thief", 0).await, register(&app, "ann", 1).await];
    events(&app).await;
    let answers = tokio::join!(follow(&app, &links[0]), follow(&app, &links[1]));
    let mut statuses = [answers.0.status, answers.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    assert_eq!(events(&app).await.len(), 1);
}

#[tokio::test]
async fn anybodys_resend_leaves_the_earlier_links_valid_until_one_is_used() {
    let app = spawn().await;
    let (old, other) = (register(&app, "ann", 0).await, register(&app, "thief", 1).await);
    assert_eq!(app.post("/auth/verify/resend", json!({ "email": "ANN@example.org" })).send().await.status, 202);
    let both = mails(&app, ADDRESS, 3).await.swap_remove(0);
    let text = both["text"].as_str().unwrap();
    let new: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("/auth/verify/")).map(|(_, token)| token).collect();
    assert_eq!(new.len(), 2, "a link for each account: {text}");
    assert!(!text.contains("thief"), "no words of strangers: {text}");
    let new = new.iter().map(|token| format!("/auth/verify/{token}")).collect::<Vec<_>>();
    for link in new.iter().chain([&old, &other]) {
        assert_eq!(offer(&app, link).await.status, 200, "{link}");
    }
    assert_eq!(follow(&app, &old).await.status, 200);
    for link in new.iter().chain([&other]) {
        follow(&app, link).await.is_problem(404, BAD_LINK);
    }
    assert_eq!(events(&app).await.len(), 3);
}

#[tokio::test]
async fn a_resend_does_not_make_a_registration_last_longer() {
    let app = spawn().await;
    register(&app, "ann", 0).await;
    app.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(app.post("/auth/verify/resend", json!({ "email": ADDRESS })).send().await.status, 202);
    let last = link(&mails(&app, ADDRESS, 2).await[0]);
    app.clock.advance(Duration::from_secs(1));
    follow(&app, &last).await.is_problem(404, BAD_LINK);
    log_in(&app, "ann").await.is_problem(401, "Invalid credentials");
    assert_eq!(events(&app).await.len(), 1);
}

/// What happens to a username must not tell whether the address that came with it is known.
#[tokio::test]
async fn a_username_that_came_with_a_known_address_is_free_after_a_day_too() {
    let app = spawn().await;
    let link = register(&app, "ann", 0).await;
    assert_eq!(follow(&app, &link).await.status, 200);
    let body = |email: &str| json!({ "username": "bob", "email": email, "password": PASSWORD });
    assert_eq!(app.post("/auth/register", body(ADDRESS)).send().await.status, 201);
    log_in(&app, "bob").await.is_problem(403, "Account not verified");
    app.clock.advance(DAY - Duration::from_secs(1));
    app.post("/auth/register", body(ADDRESS)).send().await.is_problem(409, "");
    app.clock.advance(Duration::from_secs(1));
    log_in(&app, "bob").await.is_problem(401, "Invalid credentials");
    assert_eq!(app.post("/auth/register", body(ADDRESS)).send().await.status, 201);
    log_in(&app, "bob").await.is_problem(403, "Account not verified");
    app.clock.advance(DAY);
    assert_eq!(app.post("/auth/register", body("bob@example.org")).send().await.status, 201);
    assert_eq!(events(&app).await.len(), 3);
}

#[tokio::test]
async fn strangers_can_have_three_mails_at_once_sent_to_one_address_and_one_more_each_hour() {
    let app = spawn().await;
    let stranger = async |name: String| {
        let body = json!({ "username": name, "email": ADDRESS, "password": PASSWORD });
        assert_eq!(app.post("/auth/register", body).send().await.status, 201, "the answer tells nothing");
    };
    let mut sent = 0;
    for (hours, allowed) in [(0, 3), (1, 1), (2, 2), (24, 3)] {
        app.clock.advance(Duration::from_secs(3_600 * hours));
        // One after the other, because a mail that is still queued may be replaced by the next one.
        for number in 0..allowed {
            stranger(format!("thief{hours}.{number}")).await;
            sent += 1;
            mails(&app, ADDRESS, sent).await;
        }
        for number in 0..5 {
            stranger(format!("more{hours}.{number}")).await;
            assert_eq!(app.post("/auth/verify/resend", json!({ "email": ADDRESS })).send().await.status, 202);
        }
        // The worker takes all queued mails together: when Bob's is there, none before it is still on the way.
        let bob = format!("bob{hours}");
        assert_eq!(crate::people::register(&app, &bob).await.status, 201);
        mails(&app, &format!("{bob}@example.org"), 1).await;
        mails(&app, ADDRESS, sent).await;
    }
    events(&app).await;
}
