//! The distributed form, as `make stack` starts it, and people in it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use shared::auth::{AUDIENCE, ISSUER, TOKEN_TYPE};
use shared::clock::Clock;
use testkit::servers::postgres::psql;
use testkit::stack::{SERVICES, Stack, StackOptions, find_repository};

/// A stack, and auth's own key, so that thousands of people need not log in first.
pub(crate) struct World {
    pub(crate) stack: Stack,
    key: EncodingKey,
    kid: String,
}

impl World {
    /// Starts a stack.
    pub(crate) async fn start(bin_dir: PathBuf) -> Result<Self> {
        let options = StackOptions {
            repository: find_repository()?,
            testkit: bin_dir.join("testkit"),
            bin_dir,
            service_env: Vec::new(),
            proxied: false,
            brokers: 1,
            standby: false,
            replicas: 1,
        };
        let stack = Stack::start(&options).await?;
        let pem = std::fs::read(stack.folder().join("data/auth/jwt.pem")).context("auth's key")?;
        let url = format!("{}/.well-known/jwks.json", stack.addresses().gateway_url);
        let keys: Value = serde_json::from_slice(&get(&url).await?)?;
        let kid = keys.pointer("/keys/0/kid").and_then(Value::as_str).context("auth has no key")?.to_owned();
        Ok(Self { stack, key: EncodingKey::from_ed_pem(&pem)?, kid })
    }

    /// A token as auth would sign it, good for an hour.
    pub(crate) fn token(&self, user: usize) -> String {
        let now = Clock::system().now().unix_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": user.to_string(), "exp": now + 3_600, "nbf": now, "iat": now,
            "jti": "bench", "username": format!("user{user}"), "role": "user", "sv": 0
        });
        testkit::app::sign(&self.key, &self.kid, TOKEN_TYPE, &claims)
    }

    /// Where a service listens.
    pub(crate) fn address(&self, service: &str) -> Result<SocketAddr> {
        let services = &self.stack.addresses().services;
        let url = &services.get(service).context("no such service")?.url;
        address(url)
    }

    /// Where the gateway listens.
    pub(crate) fn gateway(&self) -> Result<SocketAddr> {
        address(&self.stack.addresses().gateway_url)
    }

    /// The superuser's URL of a database of this stack.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        let url = &self.stack.addresses().postgres_url;
        let server = url.rsplit_once('/').context("not a URL")?.0;
        Ok(format!("{server}/{name}"))
    }

    /// The name of a service's database.
    pub(crate) fn database_of(&self, service: &str) -> Result<String> {
        let services = &self.stack.addresses().services;
        let url = &services.get(service).context("no such service")?.database_url;
        let name = url.rsplit_once('/').context("not a URL")?.1;
        self.database(name)
    }

    /// The processes of all that works for a write: the five services, Postgres and the broker.
    pub(crate) fn processes(&self) -> Result<Vec<i32>> {
        SERVICES.into_iter().chain(["postgres", "rabbitmq"]).map(|part| self.stack.pid(part)).collect()
    }
}

/// The address in a URL of this machine.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    Ok(url.strip_prefix("http://").context("not a URL")?.trim_end_matches('/').parse()?)
}

async fn get(url: &str) -> Result<Vec<u8>> {
    let rest = url.strip_prefix("http://").context("not a URL")?;
    let (host, path) = rest.split_once('/').context("not a URL")?;
    let script = crate::load::Get(vec![(format!("/{path}"), None)]);
    crate::load::once(host.parse()?, crate::load::Script::call(&script, 0, 0)).await
}

/// Runs statements and answers what they answer, without the last line's end.
pub(crate) async fn sql(database: &str, script: &str) -> Result<String> {
    Ok(psql(database, script).await?.trim().to_owned())
}
