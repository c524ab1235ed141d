//! One person, or the admin, who calls the API and knows what each answer means.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::ledger::Outcome;
use crate::stack::Addresses;

/// Longer than any deadline of services and gateway: who waits longer, hangs.
const PATIENCE: Duration = Duration::from_secs(25);
pub(super) const PASSWORD: &str = "correct horse battery";

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: i64,
    token: String,
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
    mail: String,
}

impl Api {
    pub(super) fn new(addresses: &Addresses) -> Result<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { client, gateway: addresses.gateway_url.clone(), mail: addresses.mail_url.clone() })
    }

    /// Sends one request, once.
    pub(super) async fn call(&self, method: Method, path: &str, who: Option<&Person>, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.gateway));
        if let Some(who) = who {
            request = request.bearer_auth(&who.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let started = Instant::now();
        let (status, body) = match request.send().await {
            Ok(answer) => (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null)),
            Err(_) => (0, Value::Null),
        };
        let (outcome, wrong) = match status {
            200..300 => (Outcome::Ok, false),
            // Not stored for certain; 404 and others are right or wrong by what the caller expected.
            503 => (Outcome::Refused, body["status"] != 503),
            400..500 => (Outcome::Refused, false),
            // Nothing came back, or the gateway lost the service, or the service its database.
            0 => (Outcome::Unknown, started.elapsed() >= PATIENCE),
            502 | 504 => (Outcome::Unknown, false),
            _ => (Outcome::Unknown, true),
        };
        Answer { outcome, status, body, wrong }
    }

    /// Reads until it succeeds. For the time before and after the faults.
    pub(super) async fn get(&self, path: &str, who: Option<&Person>) -> Result<Value> {
        for _ in 0..100 {
            let answer = self.call(Method::GET, path, who, None).await;
            if answer.outcome == Outcome::Ok {
                return Ok(answer.body);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("GET {path} does not succeed")
    }

    /// Everything of a list, page by page.
    pub(super) async fn list(&self, path: &str, field: &str, who: Option<&Person>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{separator}limit=100{cursor}"), who).await?;
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
        let registered = self.call(Method::POST, "/auth/register", None, Some(body)).await;
        ensure!(registered.status == 201, "{name} cannot register: {}", registered.body);
        let mails = format!("{}/?to={email}", self.mail);
        for _ in 0..200 {
            let found: Value = self.client.get(&mails).send().await?.json().await?;
            let text = found["messages"][0]["text"].as_str().unwrap_or_default();
            if let Some((_, token)) = text.split_once("/auth/verify/") {
                let token = token.split_whitespace().next().unwrap_or_default();
                self.call(Method::POST, &format!("/auth/verify/{token}"), None, None).await;
                return self.log_in(name, PASSWORD).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no mail came for {name}")
    }

    pub(super) async fn log_in(&self, name: &str, password: &str) -> Result<Person> {
        let body = json!({ "username": name, "password": password });
        let answer = self.call(Method::POST, "/auth/login", None, Some(body)).await;
        let token = answer.body["token"].as_str();
        let token = token.with_context(|| format!("{name} cannot log in: {}", answer.body))?;
        let id = answer.body["user_id"].as_i64().context("no user id")?;
        Ok(Person { id, token: token.to_owned() })
    }
}
