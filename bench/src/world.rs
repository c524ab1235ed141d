//! The system under measurement: the five services as programs of their own, as `make stack` starts them, and access
//! tokens for any number of people.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use shared::auth::{AUDIENCE, ISSUER, TOKEN_TYPE};
use shared::clock::Clock;
use shared::services::SERVICE_NAMES;
use testkit::servers::postgres::psql;
use testkit::stack::{Stack, StackOptions, find_repository};

/// A running stack, with auth's own signing key. Tokens that are signed with it spare thousands of registrations and
/// logins, each of which hashes a password.
pub(crate) struct World {
    pub(crate) stack: Stack,
    key: EncodingKey,
    kid: String,
}

impl World {
    /// Starts a stack with the programs in this folder.
    pub(crate) async fn start(bin_dir: PathBuf) -> Result<Self> {
        let options = StackOptions {
            repository: find_repository()?,
            testkit: bin_dir.join("testkit"),
            bin_dir,
            // Some goals store the rows of copies directly. A comparison would find that these copies know more than
            // their owner, which would then refuse all writes (docs/adr/0015).
            service_env: vec![("COMPARE_SECONDS".to_owned(), u16::MAX.to_string())],
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

    /// Returns a user's access token as auth would sign it, but valid for an hour.
    pub(crate) fn token(&self, user: usize) -> String {
        let now = Clock::system().now().unix_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": user.to_string(), "exp": now + 3_600, "nbf": now, "iat": now,
            "jti": "bench", "username": format!("user{user}"), "role": "user", "sv": 0
        });
        testkit::app::sign(&self.key, &self.kid, TOKEN_TYPE, &claims)
    }

    /// Returns the address at which a service itself listens, without the gateway.
    pub(crate) fn address(&self, service: &str) -> Result<SocketAddr> {
        let services = &self.stack.addresses().services;
        let url = &services.get(service).context("no such service")?.url;
        address(url)
    }

    /// Returns the address of the gateway.
    pub(crate) fn gateway(&self) -> Result<SocketAddr> {
        address(&self.stack.addresses().gateway_url)
    }

    /// Returns the URL of a database of this stack, for the superuser of Postgres.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        let url = &self.stack.addresses().postgres_url;
        let server = url.rsplit_once('/').context("not a URL")?.0;
        Ok(format!("{server}/{name}"))
    }

    /// Returns the URL of a service's database, for the superuser of Postgres.
    pub(crate) fn database_of(&self, service: &str) -> Result<String> {
        let services = &self.stack.addresses().services;
        let url = &services.get(service).context("no such service")?.database_url;
        let name = url.rsplit_once('/').context("not a URL")?.1;
        self.database(name)
    }

    /// Returns the process ids of everything that works for a write: the five services, Postgres and the broker.
    pub(crate) fn processes(&self) -> Result<Vec<i32>> {
        SERVICE_NAMES.into_iter().chain(["postgres", "rabbitmq"]).map(|part| self.stack.pid(part)).collect()
    }
}

/// Returns the socket address in a URL such as `http://127.0.0.1:8000/`.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    Ok(url.strip_prefix("http://").context("not a URL")?.trim_end_matches('/').parse()?)
}

async fn get(url: &str) -> Result<Vec<u8>> {
    let rest = url.strip_prefix("http://").context("not a URL")?;
    let (host, path) = rest.split_once('/').context("not a URL")?;
    let script = crate::load::Get(vec![(format!("/{path}"), None)]);
    crate::load::send_once(host.parse()?, crate::load::Script::call(&script, 0, 0)).await
}

/// Runs statements with psql, and returns the rows as text without the last line's end.
pub(crate) async fn run_sql(database: &str, script: &str) -> Result<String> {
    Ok(psql(database, script).await?.trim().to_owned())
}
