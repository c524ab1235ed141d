//! Helpers of all tests: an app under test, and people who register, verify and log in.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::{Answer, TestApp};

/// The password of everybody in the tests.
pub(crate) const PASSWORD: &str = "a horse, a boat, a lamp";

/// Starts the service with the development mailbox.
pub(crate) async fn spawn() -> TestApp {
    spawn_with(&[]).await.0
}

/// Starts the service as in production, where wrong passwords are limited.
pub(crate) async fn spawn_limited() -> TestApp {
    TestApp::spawn(auth::NAME, async |mut deps| {
        deps.settings.rate_limit = true;
        let config = auth::Config::from_env(&Env::default(), &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await
}

/// Starts the service with these environment variables. Returns the file of its signing key too.
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

/// The states that were published since the last call, without that of the first admin: it is written before the relay
/// starts, which may therefore send it twice.
pub(crate) async fn events(app: &TestApp) -> Vec<(String, Value)> {
    let mut events = app.events().await;
    events.retain(|(_, state)| state["username"] != "admin");
    events
}

/// Registers a person with the address NAME@example.org.
pub(crate) async fn register(app: &TestApp, name: &str) -> Answer {
    let body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    app.post("/auth/register", body).send().await
}

/// Waits until an address has this number of mails, and returns them, newest first.
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

/// Asks what the link with this path offers.
pub(crate) async fn offer(app: &TestApp, link: &str) -> Answer {
    let token = link.rsplit('/').next().unwrap();
    app.get(&format!("/auth/links/{token}")).send().await
}

/// Registers a person and verifies the address.
pub(crate) async fn join(app: &TestApp, name: &str) {
    assert_eq!(register(app, name).await.status, 201);
    let mails = mails(app, &format!("{name}@example.org"), 1).await;
    assert_eq!(app.post(&link(&mails[0]), Value::Null).send().await.status, 200);
}

/// Logs a person in and returns the answer.
pub(crate) async fn log_in(app: &TestApp, name: &str) -> Value {
    let answer = app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Registers, verifies and logs a person in. Returns id, access token and refresh token.
pub(crate) async fn member(app: &TestApp, name: &str) -> (i64, String, String) {
    join(app, name).await;
    let pair = log_in(app, name).await;
    (pair["user_id"].as_i64().unwrap(), text(&pair, "token"), text(&pair, "refresh_token"))
}

/// The text in a field.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

/// The header of an answer.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

/// The pointers of an answer's field errors.
pub(crate) fn pointers(answer: &Answer) -> Vec<String> {
    answer.json["errors"].as_array().unwrap().iter().map(|error| text(error, "pointer")).collect()
}
