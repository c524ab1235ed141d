//! A client of the API that knows what each answer says about the effect of its request.
//!
//! It classifies answers as a careful client of the public API has to: acknowledged, refused without effect, or
//! unknown. Answers that the API must never give, whatever is broken, are marked.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::ledger::Outcome;

/// The limit for one answer. Every deadline of services and gateway is shorter, so a request that takes longer than
/// this limit hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(25);
/// The limit for repeating a request until its outcome is known.
const REPEAT_LIMIT: Duration = Duration::from_secs(180);
/// The password of every person of the workload.
pub(super) const PASSWORD: &str = "correct horse battery";
/// A PNG of one white pixel.
pub(super) const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0x0f, 0x00, 0x01, 0x01, 0x01, 0x00, 0xb1, 0x38, 0xf6, 0x14, 0x00, 0x00,
    0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A user who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) name: String,
    password: &'static str,
    /// The current session, which all clones share. It is replaced before its access token expires.
    session: Arc<RwLock<Session>>,
}

#[derive(Debug)]
struct Session {
    /// The access token.
    token: String,
    refresh_token: String,
}

impl Person {
    pub(super) fn token(&self) -> String {
        self.session.read().unwrap_or_else(PoisonError::into_inner).token.clone()
    }

    pub(super) fn refresh_token(&self) -> String {
        self.session.read().unwrap_or_else(PoisonError::into_inner).refresh_token.clone()
    }
}

/// An answer, with the client's conclusion about the effect of the request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// The HTTP status; 0 if there was no answer.
    pub(super) status: u16,
    /// The body as JSON; null if it is not JSON.
    pub(super) body: Value,
    /// True if the API must never answer so, whatever is broken: a 500, for example, or a 503 without `Retry-After`.
    pub(super) breaks_contract: bool,
}

/// The API behind the gateway, and the mailbox of everybody.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    gateway: String,
    mailbox: String,
}

impl Api {
    /// Creates a client of the gateway at this URL. `mailbox` is the URL that returns all mails as JSON.
    pub(super) fn new(gateway: &str, mailbox: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER_LIMIT).build()?;
        Ok(Self { client, gateway: gateway.to_owned(), mailbox: mailbox.to_owned() })
    }

    /// Sends a request once, and returns the answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        person: Option<&Person>,
        body: Option<Value>,
    ) -> Answer {
        self.send(method, path, person, body, None).await
    }

    /// Repeats a POST with an `Idempotency-Key` until its outcome is known (rule R14).
    ///
    /// If the outcome is not known after 180 s, it stays unknown, and the answer counts as one that breaks the
    /// contract.
    pub(super) async fn repeat_until_known(
        &self,
        path: &str,
        person: Option<&Person>,
        body: Option<Value>,
        key: &str,
    ) -> Answer {
        let end = Instant::now() + REPEAT_LIMIT;
        let mut may_have_effect = false;
        loop {
            let answer = self.send(Method::POST, path, person, body.clone(), Some(key)).await;
            may_have_effect |= answer.outcome == Outcome::Unknown;
            // Once a try may have had its effect, a temporary refusal of a later try says nothing about that effect.
            let is_temporary = matches!(answer.status, 401 | 429 | 503) || answer.body["code"] == "request_in_progress";
            let is_decided = match answer.outcome {
                Outcome::Ok => true,
                Outcome::Refused => !(may_have_effect && is_temporary),
                Outcome::Unknown => false,
            };
            if is_decided || answer.breaks_contract {
                return answer;
            }
            if Instant::now() > end {
                return Answer { outcome: Outcome::Unknown, breaks_contract: true, ..answer };
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Sends a request, and sends it again only as long as no connection can be opened. Concludes from the answer
    /// whether the request had its effect.
    async fn send(
        &self,
        method: Method,
        path: &str,
        person: Option<&Person>,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.gateway));
        if let Some(person) = person {
            request = request.bearer_auth(person.token());
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let end = Instant::now() + REPEAT_LIMIT;
        let (started, status, has_retry_after, body) = loop {
            let started = Instant::now();
            let again = request.try_clone();
            match request.send().await {
                Ok(answer) => {
                    let (status, later) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
                    break (started, status, later, answer.json().await.unwrap_or(Value::Null));
                }
                Err(error) => match again {
                    // Without a connection nothing was sent, so there is no effect and the request may be repeated.
                    Some(again) if error.is_connect() && Instant::now() < end => request = again,
                    _ => break (started, 0, false, Value::Null),
                },
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let (outcome, breaks_contract) = match status {
            200..300 => (Outcome::Ok, false),
            // The write is certainly not stored. The answer has to be a problem document, and to say when to try again.
            503 => (Outcome::Refused, body["status"] != 503 || !has_retry_after),
            // Only the caller knows which refusals are right, such as a 404 for a thing that was deleted.
            400..500 => (Outcome::Refused, false),
            // Nothing came back: the connection broke, which a fault may do, or the limit for an answer has passed.
            0 => (Outcome::Unknown, started.elapsed() >= ANSWER_LIMIT),
            // The gateway lost the service, or the service lost its database in the middle of a commit.
            502 | 504 => (Outcome::Unknown, false),
            _ => (Outcome::Unknown, true),
        };
        Answer { outcome, status, body, breaks_contract }
    }

    /// Repeats a POST while it gets 503, for 50 s at most. On a busy machine, requests that need a password to be
    /// hashed are refused in this way.
    async fn call_patiently(&self, path: &str, body: Value) -> Answer {
        let end = Instant::now() + ANSWER_LIMIT * 2;
        loop {
            let answer = self.call(Method::POST, path, None, Some(body.clone())).await;
            if answer.status != 503 || Instant::now() > end {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Repeats a GET until it succeeds, and returns the body, or null for a 404. It is meant for the time before and
    /// after the faults, when every read has to succeed soon.
    ///
    /// # Errors
    /// If a hundred tries fail.
    pub(super) async fn get(&self, path: &str, person: Option<&Person>) -> Result<Value> {
        for _ in 0..100 {
            let answer = self.call(Method::GET, path, person, None).await;
            if answer.status == 404 {
                return Ok(Value::Null);
            }
            if answer.outcome == Outcome::Ok {
                return Ok(answer.body);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("GET {path} does not succeed")
    }

    /// Opens a stream of events, after the event with the id `seen` if it is given.
    pub(super) async fn open_stream(&self, person: &Person, seen: Option<&str>) -> Result<reqwest::Response> {
        let mut request = self.client.get(format!("{}/stream", self.gateway)).bearer_auth(person.token());
        if let Some(seen) = seen {
            request = request.header("Last-Event-ID", seen);
        }
        Ok(request.send().await?.error_for_status()?)
    }

    /// Sends a single request that creates a post with a picture. Returns the status and the body.
    pub(super) async fn upload(&self, person: &Person, picture: &'static [u8]) -> Result<(u16, Value)> {
        let form = Form::new().text("title", "picture").text("content", "of nothing");
        let form = form.part("image", Part::bytes(picture).file_name("pixel.png"));
        let request = self.client.post(format!("{}/posts", self.gateway)).bearer_auth(person.token()).multipart(form);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)))
    }

    /// Returns the bytes of a picture.
    pub(super) async fn download(&self, path: &str) -> Result<Vec<u8>> {
        let answer = self.client.get(format!("{}{path}", self.gateway)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// Reads a whole list page by page. `field` is the array's name in a page. A list that gets 404 is empty.
    pub(super) async fn list(&self, path: &str, field: &str, person: Option<&Person>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{separator}limit=100{cursor}"), person).await?;
            if page.is_null() {
                return Ok(all);
            }
            all.extend(page[field].as_array().with_context(|| format!("no {field} in {path}"))?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Registers a user, follows the link in the mail, and logs in.
    ///
    /// # Errors
    /// If a step is refused, or if no mail comes in 200 tries.
    pub(super) async fn register_and_log_in(&self, name: &str) -> Result<Person> {
        let email = format!("{name}@example.org");
        let body = json!({ "username": name, "email": email, "password": PASSWORD });
        let registered = self.call_patiently("/auth/register", body).await;
        ensure!(registered.status == 201, "{name} cannot register: {}", registered.body);
        for _ in 0..200 {
            let text = self.mail_to(name).await?.unwrap_or_default();
            if let Some((_, token)) = text.split_once("/auth/verify/") {
                let token = token.split_whitespace().next().unwrap_or_default();
                self.call(Method::POST, &format!("/auth/verify/{token}"), None, None).await;
                return self.log_in(name, PASSWORD).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no mail came for {name}")
    }

    /// Returns the text of the newest mail to a user; `None` if there is none.
    pub(super) async fn mail_to(&self, name: &str) -> Result<Option<String>> {
        let mails = format!("{}?to={name}@example.org", self.mailbox);
        let found: Value = self.client.get(&mails).send().await?.json().await?;
        Ok(found["messages"][0]["text"].as_str().map(str::to_owned))
    }

    /// Logs a user in.
    pub(super) async fn log_in(&self, name: &str, password: &'static str) -> Result<Person> {
        let (id, session) = self.begin_session(name, password).await?;
        Ok(Person { id, name: name.to_owned(), password, session: Arc::new(RwLock::new(session)) })
    }

    /// Replaces a user's tokens by those of a new session.
    pub(super) async fn log_in_again(&self, person: &Person) -> Result<()> {
        let (_, session) = self.begin_session(&person.name, person.password).await?;
        *person.session.write().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(())
    }

    async fn begin_session(&self, name: &str, password: &str) -> Result<(i64, Session)> {
        let body = json!({ "username": name, "password": password });
        let answer = self.call_patiently("/auth/login", body).await;
        let text = |field: &str| answer.body[field].as_str().map(str::to_owned);
        let (Some(token), Some(refresh_token)) = (text("token"), text("refresh_token")) else {
            bail!("{name} cannot log in: {} {}", answer.status, answer.body);
        };
        let id = answer.body["user_id"].as_i64().context("no user id")?;
        Ok((id, Session { token, refresh_token }))
    }
}
