//! A suite that runs in a process of its own, for tests, and the requests and commands that tests send to it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use shared::events::topology::ROUTES;

/// The longest time that a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Runs a command on a data folder, without any other variable.
pub(crate) fn chatty(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
    command.args(arguments).env_clear().env("CHATTY_DATA_DIR", data).output().unwrap()
}

/// Returns the error that a failed command has printed.
pub(crate) fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the report of a comparison of all copies when each of them agrees with its owner.
pub(crate) fn no_drift() -> String {
    let copies: usize = ROUTES.iter().map(|route| route.consumers.len()).sum();
    format!("{copies} copies compared, 0 rows differ")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A running suite. Dropping it kills the process.
pub(crate) struct Suite {
    process: Child,
    base: String,
    data: PathBuf,
    client: Client,
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Suite {
    pub(crate) async fn start(data: &Path) -> Self {
        Self::start_as(data, "ready").await
    }

    /// Starts the suite on a data folder, and waits until `/readyz` reports this status.
    pub(crate) async fn start_as(data: &Path, state: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
        command.env_clear().env("CHATTY_DATA_DIR", data).env("CHATTY_LISTEN", format!("127.0.0.1:{port}"));
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let suite = Self { process, base: format!("http://127.0.0.1:{port}"), data: data.to_owned(), client };
        suite.eventually("a start", async || suite.get("/readyz", None).await["status"] == state).await;
        suite
    }

    pub(crate) async fn eventually(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Returns the bytes of an answer.
    pub(crate) async fn download(&self, path: &str, token: &str) -> Vec<u8> {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(token).send().await.unwrap();
        answer.bytes().await.unwrap().to_vec()
    }

    /// Opens a stream of events.
    pub(crate) async fn listen(&self, token: &str) -> Stream {
        let answer = self.client.get(format!("{}/stream", self.base)).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Stream { answer, text: String::new() }
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Value {
        self.call(Method::GET, path, token, None).await.1
    }

    /// Sends a request that must succeed, and returns the body of the answer.
    pub(crate) async fn make(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, Some(token), body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> (u16, Value) {
        let login = json!({ "username": username, "password": password });
        self.call(Method::POST, "/auth/login", None, Some(login)).await
    }

    pub(crate) async fn token(&self, username: &str) -> String {
        let password = if username == "admin" { "secret" } else { PASSWORD };
        let (status, answer) = self.log_in(username, password).await;
        assert_eq!(status, 200, "{username}: {answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Registers and verifies a person, and logs in. Returns the id and the access token.
    pub(crate) async fn register(&self, username: &str) -> (i64, String) {
        let sent = json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
        assert_eq!(self.call(Method::POST, "/auth/register", None, Some(sent)).await.0, 201);
        let mailbox = format!("/dev/mail?to={username}@example.org");
        let arrived = async || self.get(&mailbox, None).await.to_string().contains("/auth/verify/");
        self.eventually("a mail", arrived).await;
        let mails = self.get(&mailbox, None).await.to_string();
        let link = &mails[mails.find("/auth/verify/").unwrap()..];
        let link = &link[..link.find(['\\', '"', '<']).unwrap()];
        assert_eq!(self.call(Method::POST, link, None, None).await.0, 200);
        let token = self.token(username).await;
        (self.get("/auth/me", Some(&token)).await["id"].as_i64().unwrap(), token)
    }

    pub(crate) async fn post(&self, token: &str, title: &str) -> i64 {
        let post = json!({ "title": title, "content": title });
        self.make(Method::POST, "/posts", token, Some(post)).await["post"]["id"].as_i64().unwrap()
    }

    pub(crate) async fn comment(&self, token: &str, post: i64) -> i64 {
        let path = format!("/posts/{post}/comments");
        let answer = self.make(Method::POST, &path, token, Some(json!({ "content": "Well" }))).await;
        answer["comment"]["id"].as_i64().unwrap()
    }

    /// Waits until all copies agree with their owners.
    pub(crate) async fn wait_until_copies_agree(&self) {
        let agrees = async || chatty(&self.data, &["reconcile", "--now"]).status.success();
        self.eventually("all copies to agree", agrees).await;
    }

    pub(crate) fn back_up(&self, folder: &Path) {
        let output = chatty(&self.data, &["backup", text(folder)]);
        assert!(output.status.success(), "{output:?}");
    }
}

/// An open stream of events.
pub(crate) struct Stream {
    answer: reqwest::Response,
    text: String,
}

impl Stream {
    /// Waits for an event that `is_wanted` by its name and its data, and returns the data.
    pub(crate) async fn wait_for(&mut self, what: &str, is_wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let wait = async {
            loop {
                while let Some((event, rest)) = self.text.split_once("\n\n") {
                    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    let data = field("data").map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
                    let is_it = is_wanted(field("event").unwrap_or_default(), &data);
                    self.text = rest.to_owned();
                    if is_it {
                        return data;
                    }
                }
                let piece = self.answer.chunk().await.unwrap().unwrap();
                self.text.push_str(&String::from_utf8_lossy(&piece));
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_elapsed| panic!("waited in vain for {what}"))
    }
}
