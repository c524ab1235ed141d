//! A suite in a process of its own, with the people and the things that the walk needs.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use jsonwebtoken::{EncodingKey, decode_header};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use shared::auth::TOKEN_TYPE;
use testkit::app::{claims, sign};

use super::table::{Caller, Row, Rule, Sent};

/// The longest time that the test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";
/// Reads that together show everything that a write could change, and the person who reads: `ann`, `bob` or `admin`.
const WITNESSES: [(&str, &str); 23] = [
    ("ann", "/posts?limit=100"),
    ("ann", "/posts/{post}"),
    ("ann", "/posts/{post}/comments"),
    ("ann", "/posts/{post}/likes"),
    ("ann", "/users/{ann}/followers"),
    ("ann", "/users/{ann}/following"),
    ("ann", "/users/{dan}/followers"),
    ("ann", "/users/{bob}/following"),
    ("ann", "/users/{dan}"),
    ("ann", "/auth/me"),
    ("ann", "/auth/sessions"),
    ("ann", "/auth/clients"),
    ("ann", "/auth/two-factor"),
    ("bob", "/auth/me"),
    ("bob", "/auth/sessions"),
    ("bob", "/auth/clients"),
    ("bob", "/auth/two-factor"),
    ("admin", "/auth/sessions"),
    ("admin", "/admin/users?limit=100"),
    ("admin", "/admin/stats"),
    ("admin", "/admin/audit?limit=100"),
    ("admin", "/admin/reports?limit=100"),
    // Nobody is needed for the development mailbox, which shows each mail that was sent.
    ("admin", "/dev/mail"),
];

/// The running suite. Dropping it kills the process.
pub(crate) struct World {
    process: Child,
    base: String,
    client: Client,
    key: EncodingKey,
    /// The names that paths and bodies contain in braces, with their values.
    names: Vec<(&'static str, String)>,
    /// The callers' access tokens, in the order in which the people have come.
    tokens: Vec<(&'static str, String)>,
    unique: u32,
}

impl Drop for World {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl World {
    /// Starts the suite on an empty data folder, and lets people come, post, and be blocked.
    pub(crate) async fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
        command.env_clear().env("CHATTY_DATA_DIR", data).env("CHATTY_LISTEN", format!("127.0.0.1:{port}"));
        command.env("INVITATIONS_PER_PERSON", "1000");
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let key = EncodingKey::from_secret(&[]);
        let base = format!("http://127.0.0.1:{port}");
        let mut world = Self { process, base, client, key, names: Vec::new(), tokens: Vec::new(), unique: 0 };
        eventually("a start", async || world.get("", "/readyz").await["status"] == "ready").await;
        world.key = EncodingKey::from_ed_pem(&std::fs::read(data.join("jwt.pem")).unwrap()).unwrap();
        world.log_in("admin", "secret").await;
        for person in ["ann", "bob", "blocked", "ended", "dan"] {
            world.join(person).await;
        }
        world.renew_things().await;
        let block = world.filled("/admin/users/{blocked}/block");
        world.must("admin", Method::POST, &block, Sent::Nothing).await;
        world.must("ended", Method::DELETE, "/auth/sessions/{own}", Sent::Nothing).await;
        world.settle().await;
        world
    }

    /// Waits until every service knows the things, the block, and the end of the session.
    async fn settle(&self) {
        let paths = ["/auth/me", "/likes?post_id=1", "/feed", "/admin/stats", "/recommendations"];
        eventually("all services to know", async || {
            let mut known = true;
            for path in paths {
                let blocked = self.get("blocked", path).await;
                known &= blocked["detail"] == "Account blocked" && self.get("ended", path).await["status"] == 401;
            }
            let stats = self.get("admin", "/admin/stats").await;
            let comments = self.get("ann", &self.filled("/posts/{post}/comments")).await;
            let explained = self.get("bob", &self.filled("/recommendations/posts/{post}/explain")).await;
            let followed = self.get("ann", &self.filled("/users/{dan}/followers")).await;
            known
                && stats["stats"]["blocked_users"] == 1
                && stats["stats"]["total_comments"] == 1
                && comments["comments"].as_array().is_some_and(|found| found.len() == 1)
                && explained["status"].is_null()
                && followed["status"].is_null()
        })
        .await;
    }

    /// Registers and verifies a person, and logs in.
    async fn join(&mut self, name: &'static str) {
        let sent = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        assert_eq!(self.send("", Method::POST, "/auth/register", Some(sent)).await.status(), 201);
        let mailbox = format!("/dev/mail?to={name}@example.org");
        eventually("a mail", async || self.get("", &mailbox).await.to_string().contains("/auth/verify/")).await;
        let mails = self.get("", &mailbox).await.to_string();
        let link = &mails[mails.find("/auth/verify/").unwrap()..];
        let link = &link[..link.find(['\\', '"', '<']).unwrap()];
        assert_eq!(self.send("", Method::POST, link, None).await.status(), 200);
        self.log_in(name, PASSWORD).await;
    }

    async fn log_in(&mut self, name: &'static str, password: &str) {
        let token = self.session(name, password).await;
        self.set(name, claims(&token).sub.clone());
        self.tokens.retain(|(known, _)| *known != name);
        self.tokens.push((name, token));
    }

    /// Opens one more session of a person, and returns its access token.
    async fn session(&self, name: &str, password: &str) -> String {
        let sent = json!({ "username": name, "password": password });
        let answer: Value = self.send("", Method::POST, "/auth/login", Some(sent)).await.json().await.unwrap();
        answer["token"].as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned()
    }

    fn set(&mut self, name: &'static str, value: impl ToString) {
        self.names.retain(|(known, _)| *known != name);
        self.names.push((name, value.to_string()));
    }

    /// Sends the request of a row about things of ann's that exist for this call only.
    pub(crate) async fn call_on_new_things(&mut self, row: &Row, token: &str) -> Response {
        let standing = self.names.clone();
        self.renew_things().await;
        let answer = self.call(row, token).await;
        self.names = standing;
        answer
    }

    /// Gives ann a new post, comment, client, invitation and session.
    async fn renew_things(&mut self) {
        let post = self.must("ann", Method::POST, "/posts", Sent::Json(r#"{"title":"Mine","content":"Mine"}"#)).await;
        self.set("post", &post["post"]["id"]);
        let comment = Sent::Json(r#"{"content":"Mine"}"#);
        let comment = self.must("ann", Method::POST, "/posts/{post}/comments", comment).await;
        self.set("comment", &comment["comment"]["id"]);
        let client = Sent::Json(r#"{"name":"Mine","redirect_uris":["https://app.example/callback"]}"#);
        let client = self.must("ann", Method::POST, "/auth/clients", client).await;
        self.set("client", client["client_id"].as_str().unwrap());
        let invitation = self.must("ann", Method::POST, "/auth/invitations", Sent::Json("{}")).await;
        self.set("invitation", &invitation["invitation"]["id"]);
        let session = self.session("ann", PASSWORD).await;
        self.set("session", claims(&session).sid);
    }

    /// Registers a person whose account an allowed call may change or erase.
    pub(crate) async fn somebody_new(&mut self) -> String {
        self.unique += 1;
        let name: &'static str = format!("fresh{}", self.unique).leak();
        self.join(name).await;
        self.token_of(name)
    }

    fn token_of(&self, name: &str) -> String {
        self.tokens.iter().find(|(known, _)| *known == name).map(|(_, token)| token.clone()).unwrap_or_default()
    }

    /// Returns the access token of a caller; an empty text for nobody.
    pub(crate) fn token(&self, caller: Caller) -> String {
        let granted =
            |name: &str, scope: &str, role: &str| self.signed(name, &[("scope", json!(scope)), ("role", json!(role))]);
        match caller {
            Caller::Nobody => String::new(),
            Caller::Stranger => self.token_of("bob"),
            Caller::Owner => self.token_of("ann"),
            Caller::Admin => self.token_of("admin"),
            Caller::Blocked => self.token_of("blocked"),
            Caller::Ended => self.token_of("ended"),
            Caller::Expired => self.signed("ann", &[("exp", json!(1_000)), ("nbf", json!(0)), ("iat", json!(0))]),
            Caller::Reader => granted("ann", "read", "user"),
            Caller::Writer => granted("ann", "read write", "user"),
            Caller::AdminWithoutScope => granted("admin", "read write", "user"),
            Caller::AdminWithScope => granted("admin", "read write admin", "admin"),
        }
    }

    /// Signs a person's token anew with other claims, as auth would.
    fn signed(&self, name: &str, changed: &[(&str, Value)]) -> String {
        let token = self.token_of(name);
        let mut all = serde_json::to_value(claims(&token)).unwrap();
        for (claim, value) in changed {
            all[*claim] = value.clone();
        }
        sign(&self.key, &decode_header(&token).unwrap().kid.unwrap(), TOKEN_TYPE, &all)
    }

    /// Replaces the names in braces by their values.
    fn filled(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(&format!("{{{name}}}"), value);
        self.names.iter().fold(text.to_owned(), fill)
    }

    /// Sends the request of a row that its rule allows.
    pub(crate) async fn call_allowed(&mut self, row: &Row, token: &str) -> Response {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((method, path)) = row.opposite.and_then(|opposite| opposite.split_once(' ')) {
                // It may have nothing to do.
                self.request(token, method.parse().unwrap(), path, Sent::Nothing).await;
            }
            let answer = self.call(row, token).await;
            // Until the result of one decision has come back to admin, it does not find the thing for the next one.
            let is_early = row.rule == Rule::Admin && answer.status() == 404 && Instant::now() < deadline;
            if !is_early {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends the request of a row with a token.
    pub(crate) async fn call(&mut self, row: &Row, token: &str) -> Response {
        self.unique += 1;
        self.set("unique", self.unique);
        self.request(token, row.method(), &row.path(), row.sent).await
    }

    /// Sends the request of a row with another body, which a function adds.
    pub(crate) async fn send_body(
        &self,
        row: &Row,
        token: &str,
        add_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Response {
        let request = self.client.request(row.method(), format!("{}{}", self.base, self.filled(&row.path())));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        add_body(request).send().await.unwrap()
    }

    async fn request(&self, token: &str, method: Method, path: &str, sent: Sent) -> Response {
        let mut request = self.client.request(method, format!("{}{}", self.base, self.filled(path)));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let (kind, body) = match sent {
            Sent::Nothing => return request.send().await.unwrap(),
            Sent::Json(json) => ("application/json", json),
            Sent::Form(form) => ("application/x-www-form-urlencoded", form),
        };
        request.header("content-type", kind).body(self.filled(body)).send().await.unwrap()
    }

    /// Sends a request of a person that must succeed, and returns the body of the answer.
    async fn must(&mut self, name: &str, method: Method, path: &str, sent: Sent) -> Value {
        let token = self.token_of(name);
        self.set("own", if token.is_empty() { String::new() } else { claims(&token).sid.to_string() });
        let answer = self.request(&token, method, path, sent).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or(Value::Null)
    }

    async fn send(&self, name: &str, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = if name.is_empty() { request } else { request.bearer_auth(self.token_of(name)) };
        match body {
            Some(body) => request.json(&body).send().await.unwrap(),
            None => request.send().await.unwrap(),
        }
    }

    /// Reads a path as a person. The answer is null if it is no JSON, or if nobody answers yet.
    async fn get(&self, name: &str, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(self.token_of(name));
        let Ok(answer) = request.send().await else { return Value::Null };
        answer.json().await.unwrap_or(Value::Null)
    }

    /// Reads everything that a write could have changed.
    pub(crate) async fn state(&self) -> Vec<(&'static str, Value)> {
        let mut state = Vec::new();
        for (name, path) in WITNESSES {
            let read = self.get(name, &self.filled(path)).await;
            assert!(read.is_object() && !read["status"].is_number(), "{path} as {name}: {read}");
            state.push((path, read));
        }
        state
    }
}

async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
