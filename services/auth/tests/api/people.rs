//! What the tests have in common: an app, and people who registered.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::{Answer, TestApp};

/// The password of all people.
pub(crate) const PASSWORD: &str = "a horse, a boat, a lamp";

/// Auth with the development mailbox.
pub(crate) async fn spawn() -> TestApp {
    spawn_with(&[]).await.0
}

/// Auth with an environment of its own, and the file of its signing key.
pub(crate) async fn spawn_with(env: &[(&str, &str)]) -> (TestApp, PathBuf) {
    let mut file = PathBuf::new();
    let app = TestApp::spawn(auth::NAME, async |deps| {
        file = deps.settings.data_dir.join("jwt.pem");
        let config = auth::Config::from_env(&Env::of(env.iter().copied()), &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await;
    (app, file)
}

/// The states that were published since the last call. The first admin's is left out: it is written before the relay
/// starts, which may then send it twice.
pub(crate) async fn events(app: &TestApp) -> Vec<(String, Value)> {
    let mut events = app.events().await;
    events.retain(|(_, state)| state["username"] != "admin");
    events
}

/// Registers somebody whose address is NAME@example.org.
pub(crate) async fn register(app: &TestApp, name: &str) -> Answer {
    let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    app.post("/auth/register", body).send().await
}

/// Waits for mails to an address, newest first.
pub(crate) async fn mails(app: &TestApp, to: &str, count: usize) -> Vec<Value> {
    let path = format!("/dev/mail?to={to}");
    let mut found = Vec::new();
    app.eventually(
        async || {
            let answer = app.get(&path).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            found = answer.json["messages"].as_array().unwrap().clone();
            found.len() >= count
        },
        "a mail",
    )
    .await;
    assert_eq!(found.len(), count);
    found
}

/// The path of the link in a mail.
pub(crate) fn link(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with("http")).unwrap();
    line.split_once("/auth/").map(|(_, rest)| format!("/auth/{rest}")).unwrap()
}

/// Registers and verifies somebody.
pub(crate) async fn join(app: &TestApp, name: &str) {
    assert_eq!(register(app, name).await.status, 201);
    let mails = mails(app, &format!("{name}@example.org"), 1).await;
    assert_eq!(app.post(&link(&mails[0]), Value::Null).send().await.status, 200);
}

/// Logs somebody in.
pub(crate) async fn log_in(app: &TestApp, name: &str) -> Value {
    let answer = app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Somebody who has joined and logged in: id, access token, refresh token.
pub(crate) async fn member(app: &TestApp, name: &str) -> (i64, String, String) {
    join(app, name).await;
    let pair = log_in(app, name).await;
    (pair["user_id"].as_i64().unwrap(), text(&pair, "token"), text(&pair, "refresh_token"))
}

/// A field that is a text.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// The pointers of an answer's field errors.
pub(crate) fn pointers(answer: &Answer) -> Vec<String> {
    answer.json["errors"].as_array().unwrap().iter().map(|error| text(error, "pointer")).collect()
}
