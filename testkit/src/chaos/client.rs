//! One person, or the admin, who calls the API and knows what each answer means.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::ledger::Outcome;

/// Longer than any deadline of services and gateway: who waits longer, hangs.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a request is repeated whose outcome is not known.
const PERSISTENCE: Duration = Duration::from_secs(180);
pub(super) const PASSWORD: &str = "correct horse battery";
/// A white pixel.
pub(super) const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00, 0x00, 0x00, 0x0a, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0x0f, 0x00, 0x01, 0x01, 0x01, 0x00, 0xb1, 0x38, 0xf6, 0x14, 0x00, 0x00,
    0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: i64,
    name: String,
    password: &'static str,
    /// Replaced before it expires.
    session: Arc<RwLock<Session>>,
}

#[derive(Debug)]
struct Session {
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

/// An answer, and what it says of the effect.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) body: Value,
    /// Whether the API never answers so, whatever is broken.
    pub(super) wrong: bool,
}

/// The API behind the gateway.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    gateway: String,
    mailbox: String,
}

impl Api {
    /// The gateway, and the page that shows mails as JSON.
    pub(super) fn new(gateway: &str, mailbox: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { client, gateway: gateway.to_owned(), mailbox: mailbox.to_owned() })
    }

    /// Sends one request, once.
    pub(super) async fn call(&self, method: Method, path: &str, who: Option<&Person>, body: Option<Value>) -> Answer {
        self.send(method, path, who, body, None).await
    }

    /// Sends a request with an `Idempotency-Key` until it is known what came of it.
    pub(super) async fn insist(&self, path: &str, who: Option<&Person>, body: Option<Value>, key: &str) -> Answer {
        let end = Instant::now() + PERSISTENCE;
        let mut unsure = false;
        loop {
            let answer = self.send(Method::POST, path, who, body.clone(), Some(key)).await;
            unsure |= answer.outcome == Outcome::Unknown;
            // Once a try may have had an effect, a refusal that is only for now says nothing about it.
            let for_now = matches!(answer.status, 401 | 429 | 503) || answer.body["code"] == "request_in_progress";
            let done = answer.outcome == Outcome::Ok || (answer.outcome == Outcome::Refused && !(unsure && for_now));
            if done || answer.wrong {
                return answer;
            }
            if Instant::now() > end {
                return Answer { outcome: Outcome::Unknown, wrong: true, ..answer };
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        who: Option<&Person>,
        body: Option<Value>,
        key: Option<&str>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.gateway));
        if let Some(who) = who {
            request = request.bearer_auth(who.token());
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let end = Instant::now() + PERSISTENCE;
        let (started, status, says_when, body) = loop {
            let started = Instant::now();
            let again = request.try_clone();
            match request.send().await {
                Ok(answer) => {
                    let (status, later) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
                    break (started, status, later, answer.json().await.unwrap_or(Value::Null));
                }
                Err(error) => match again {
                    // Nobody is there, so nothing was sent.
                    Some(again) if error.is_connect() && Instant::now() < end => request = again,
                    _ => break (started, 0, false, Value::Null),
                },
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let (outcome, wrong) = match status {
            200..300 => (Outcome::Ok, false),
            // Not stored for certain; 404 and others are right or wrong by what the caller expected.
            503 => (Outcome::Refused, body["status"] != 503 || !says_when),
            400..500 => (Outcome::Refused, false),
            // Nothing came back, or the gateway lost the service, or the service its database.
            0 => (Outcome::Unknown, started.elapsed() >= PATIENCE),
            502 | 504 => (Outcome::Unknown, false),
            _ => (Outcome::Unknown, true),
        };
        Answer { outcome, status, body, wrong }
    }

    /// Posts until it is not refused for now, as the hashing of a password is on a machine that is busy.
    async fn call_patiently(&self, path: &str, body: Value) -> Answer {
        let end = Instant::now() + PATIENCE * 2;
        loop {
            let answer = self.call(Method::POST, path, None, Some(body.clone())).await;
            if answer.status != 503 || Instant::now() > end {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Reads until it succeeds; null is there where nothing is. For the time before and after the faults.
    pub(super) async fn get(&self, path: &str, who: Option<&Person>) -> Result<Value> {
        for _ in 0..100 {
            let answer = self.call(Method::GET, path, who, None).await;
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

    /// Posts a picture, once.
    pub(super) async fn upload(&self, who: &Person, picture: &'static [u8]) -> Result<(u16, Value)> {
        let form = Form::new().text("title", "picture").text("content", "of nothing");
        let form = form.part("image", Part::bytes(picture).file_name("pixel.png"));
        let request = self.client.post(format!("{}/posts", self.gateway)).bearer_auth(who.token()).multipart(form);
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)))
    }

    /// The bytes of a picture.
    pub(super) async fn download(&self, path: &str) -> Result<Vec<u8>> {
        let answer = self.client.get(format!("{}{path}", self.gateway)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// Everything of a list, page by page.
    pub(super) async fn list(&self, path: &str, field: &str, who: Option<&Person>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{separator}limit=100{cursor}"), who).await?;
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

    /// Registers somebody, follows the link in the mail, and logs in.
    pub(super) async fn join(&self, name: &str) -> Result<Person> {
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

    /// The text of the newest mail to somebody.
    pub(super) async fn mail_to(&self, name: &str) -> Result<Option<String>> {
        let mails = format!("{}?to={name}@example.org", self.mailbox);
        let found: Value = self.client.get(&mails).send().await?.json().await?;
        Ok(found["messages"][0]["text"].as_str().map(str::to_owned))
    }

    pub(super) async fn log_in(&self, name: &str, password: &'static str) -> Result<Person> {
        let (id, session) = self.begin_session(name, password).await?;
        Ok(Person { id, name: name.to_owned(), password, session: Arc::new(RwLock::new(session)) })
    }

    /// Replaces somebody's tokens by new ones.
    pub(super) async fn log_in_again(&self, who: &Person) -> Result<()> {
        let (_, session) = self.begin_session(&who.name, who.password).await?;
        *who.session.write().unwrap_or_else(PoisonError::into_inner) = session;
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
