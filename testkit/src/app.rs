//! A test harness for one service: its real router, a database of its own, the in-process broker, and a fixed clock.
//!
//! The database is SQLite, or Postgres when `TEST_DATABASE=postgres` (on the server of `TEST_POSTGRES_URL`). Every
//! answer and every event that passes through the harness is compared with its description, so that each test also
//! tests the OpenAPI and AsyncAPI documents. Dropping an app stops its tasks; `TestApp::finish` also waits until all
//! events have left the outbox and all tasks have ended.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a helper of tests fails by panicking, and reads the variables that `make test` sets"
)]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::deadline::within_deadline;
use crate::described::api::Api;
use crate::described::events::Events;
use crate::described::generic::check_optional;
use crate::event_stream::{EventStream, read_body};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sea_orm::{ConnectionTrait, Database, DbBackend, EntityTrait, PaginatorTrait, Statement};
use serde_json::{Value, json};
use shared::auth::{AUDIENCE, Claims, EXPORT_AUDIENCE, EXPORT_TOKEN_TYPE, ISSUER, Keys, Role, TOKEN_TYPE};
use shared::clock::{Clock, Timestamp};
use shared::config::{Env, Settings};
use shared::events::broker::{Broker, LocalBroker};
use shared::events::topology;
use shared::export::ExportPage;
use shared::health;
use shared::http::{App, Copies, Disclosure, Peers};
use shared::outbox::envelope;
use shared::outbox::{self, OutboxMessage};
use shared::service::{Deps, Service};
use shared::tasks::{Cancel, Tracker};
use shared::work::Db;

/// A service under test.
pub struct TestApp {
    /// The clock of the service. It moves only when a test moves it.
    pub clock: Clock,
    name: &'static str,
    http: App,
    service: Service,
    broker: Arc<LocalBroker>,
    key: EncodingKey,
    tracker: Tracker,
    failed: Cancel,
    api: Api,
    described: Events,
    // Holds SQLite's files and whatever else the service writes. The folder is deleted when the app is dropped.
    folder: tempfile::TempDir,
}

/// An answer of the service, already compared with its description.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The body as JSON; null if it is not JSON.
    pub json: Value,
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// The body as it was sent.
    pub bytes: Vec<u8>,
}

/// A request under construction; [`Call::send`] sends it.
#[must_use]
pub struct Call<'a> {
    app: &'a TestApp,
    request: axum::http::request::Builder,
    body: Vec<u8>,
}

impl TestApp {
    /// Builds, prepares and starts the service `name` on a new database, and waits until `/readyz` says `ready`.
    ///
    /// `build` makes the service from the harness' dependencies, as its program does from real ones.
    pub async fn spawn(name: &'static str, build: impl AsyncFnOnce(Deps) -> Service) -> Self {
        within_deadline(Box::pin(Self::start(name, build)), "the service to start").await
    }

    async fn start(name: &'static str, build: impl AsyncFnOnce(Deps) -> Service) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().expect("a path in UTF-8"))]);
        if let Some(url) = empty_postgres(name).await {
            env = env.with("DATABASE_URL", url);
        }
        let settings = Settings::from_env(&env, 8080).expect("settings");
        let at: Timestamp = serde_json::from_value(json!("2026-03-01T12:00:00Z")).expect("a time");
        let clock = Clock::fixed(at);
        // Queues exist for this service alone: its own events have no other consumer here, and are recorded instead.
        let broker = Arc::new(LocalBroker::recording(&[name]));
        let (key, jwk) = signing_key("test");
        let deps = Deps {
            db: Db::open(&settings, name, clock.clone()).await.expect("a database"),
            settings,
            broker: Arc::clone(&broker) as Arc<dyn Broker>,
            keys: Keys::fixed(&JwkSet { keys: vec![jwk] }),
            peers: Peers::in_process(),
            clock: clock.clone(),
        };
        let mut service = build(deps).await;
        service.prepare().await.expect("a start");
        let (tracker, failed) = (Tracker::new(), Cancel::new());
        service.start(&tracker, &failed);
        let probes = health::probes(vec![service.health.clone()], Disclosure::Full(None));
        let http = App::new(service.router.clone(), service.openapi.clone(), probes);
        let http = http.allow_origins(&service.cors_origins);
        let http = http.wait_for(Copies::of([(&service.db, &service.streams)]));
        let (api, described) = (Api::new(service.openapi.clone()), Events::read());
        let app = Self { clock, name, http, service, broker, key, tracker, failed, api, described, folder };
        app.eventually(async || app.get("/readyz").send().await.json["status"] == "ready", "the service to be ready")
            .await;
        app
    }

    /// Calls every described operation with and without each part that may be missing, as an admin. See
    /// [`generic::check_optional`](crate::described::generic::check_optional) for the rules and for `one_of`.
    pub async fn check_optional(&self, one_of: &[&str]) {
        let token = self.token(1_000_000, "admin", Role::Admin);
        check_optional(&self.api, &self.http, &token, one_of).await;
    }

    /// Limits the rate of requests from now on, as a process does with `RATE_LIMIT=on`. A request names its client in
    /// `X-Forwarded-For`.
    #[must_use]
    pub fn limit_requests(mut self) -> Self {
        self.http = self.http.clone().limit_requests(vec![self.service.strict_paths]);
        self
    }

    /// Returns the database of the service.
    pub fn db(&self) -> &Db {
        &self.service.db
    }

    /// Returns the folder of the files that the service keeps.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the service itself.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Begins a GET request.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path, None)
    }

    /// Begins a POST request with a JSON body; `Value::Null` sends none.
    pub fn post(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::POST, path, Some(body))
    }

    /// Begins a PATCH request with a JSON body.
    pub fn patch(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::PATCH, path, Some(body))
    }

    /// Begins a DELETE request.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path, None)
    }

    /// Begins a request with any method; a body of `Value::Null` counts as none.
    pub fn call(&self, method: Method, path: &str, body: Option<Value>) -> Call<'_> {
        let mut request = Request::builder().method(method).uri(path);
        let body = body.filter(|body| !body.is_null());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        Call { app: self, request, body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default() }
    }

    /// Returns an access token as auth would sign it now. It is valid for 600 s of the app's clock.
    pub fn token(&self, id: i64, username: &str, role: Role) -> String {
        let now = self.clock.now().unix_seconds();
        self.sign(&json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": id.to_string(), "exp": now + 600, "nbf": now, "iat": now,
            "jti": "test", "username": username, "role": role, "sv": 0
        }))
    }

    /// Gets everything that the service exports about a person, by kinds, as auth does; and checks that only a token for
    /// an export opens it, and that such a token opens nothing else. `path` is of a GET that needs an access token.
    ///
    /// # Panics
    /// If something else is answered.
    pub async fn export(&self, user: i64, path: &str) -> BTreeMap<String, Vec<Value>> {
        let now = self.clock.now().unix_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": EXPORT_AUDIENCE, "sub": user.to_string(), "exp": now + 60, "nbf": now
        });
        let token = sign(&self.key, "test", EXPORT_TOKEN_TYPE, &claims);
        let as_access = self.get(path).bearer(&token).send().await;
        assert_eq!(as_access.status, 401, "{path} takes a token for an export");
        let base = shared::export::path(self.name);
        for wrong in [self.token(user, "ann", Role::Admin), self.sign(&claims), String::new()] {
            let answer = self.get(&base).bearer(&wrong).send().await;
            assert_eq!(answer.status, 401, "{base} takes another token");
        }
        let kinds = self.get(&base).bearer(&token).send().await;
        let kinds: Vec<String> = serde_json::from_value(kinds.json).expect("kinds");
        let mut exported = BTreeMap::new();
        for kind in kinds {
            let page = self.get(&format!("{base}/{kind}")).bearer(&token).send().await;
            let page: ExportPage = serde_json::from_value(page.json).expect("a page");
            let files = shared::export::files_path(self.name);
            for file in &page.files {
                let found = self.get(&format!("{files}/{file}")).bearer(&token).send().await;
                assert_eq!(found.status, 200, "{file}");
            }
            exported.insert(kind, page.rows);
        }
        exported
    }

    /// Checks that the service refuses the access tokens of a session from the moment on at which it learns that the
    /// session has ended. `path` is of a GET that an admin may call.
    ///
    /// # Panics
    /// If a token is refused too early, or is not refused.
    pub async fn check_ended_sessions(&self, path: &str) {
        let now = self.clock.now();
        let [ended, other] = [7, 8].map(|sid| {
            self.sign(&json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": "1", "exp": now.unix_seconds() + 600,
                "nbf": now.unix_seconds(), "iat": now.unix_seconds(), "jti": "test", "username": "ann",
                "role": Role::Admin, "sv": 0, "sid": sid
            }))
        });
        let status = async |token: &str| self.get(path).bearer(token).send().await.status;
        assert_eq!((status(&ended).await, status(&other).await), (200, 200));
        let expires_at = now + std::time::Duration::from_secs(660);
        let state = json!({ "id": 7, "version": 1, "deleted": false, "expires_at": expires_at });
        // Twice, as every message may come.
        for _ in 0..2 {
            self.deliver("session_end", std::slice::from_ref(&state)).await;
        }
        self.get(path).bearer(&ended).send().await.is_problem(401, "The session has ended, log in again");
        assert_eq!(status(&other).await, 200);
    }

    /// Signs any claims as an access token, with the key that the service trusts. Returns the token.
    pub fn sign(&self, claims: &Value) -> String {
        sign(&self.key, "test", TOKEN_TYPE, claims)
    }

    /// Publishes states of another service to this one and waits until they are applied.
    ///
    /// # Panics
    /// If the message is not as `asyncapi.yaml` describes it: a test must not prove anything with impossible input.
    pub async fn deliver(&self, stream: &str, states: &[Value]) {
        for (id, payload) in self.messages(stream, states) {
            self.described.check(stream, &serde_json::from_slice(&payload).expect("a message"));
            self.deliver_raw(stream, &id, payload).await;
        }
    }

    /// Publishes states that need not be as described, to test how the service refuses them.
    pub async fn deliver_bad(&self, stream: &str, states: &[Value]) {
        for (id, payload) in self.messages(stream, states) {
            self.deliver_raw(stream, &id, payload).await;
        }
    }

    /// Wraps states into messages as their owner does. Returns the id and the payload of each message.
    fn messages(&self, stream: &str, states: &[Value]) -> Vec<(String, Vec<u8>)> {
        let owner = topology::owner(stream).expect("a stream");
        let messages = envelope::encode(owner, stream, states, self.clock.now()).expect("states");
        messages.into_iter().map(|(id, payload)| (id.to_string(), payload)).collect()
    }

    /// Publishes any bytes to the service's queue of a stream, and waits until they are consumed: applied or parked.
    pub async fn deliver_raw(&self, stream: &str, id: &str, payload: Vec<u8>) {
        // The in-process broker confirms a message only after the consumer has acknowledged it.
        let target = Some(topology::queue(self.name, stream));
        let message = OutboxMessage { id: 0, message_id: id.to_owned(), stream: stream.to_owned(), target, payload };
        let deliver = async || self.broker.publish(std::slice::from_ref(&message)).await.iter().all(Result::is_ok);
        self.eventually(deliver, "an event to be applied").await;
        // The broker has recorded the delivery itself, too, which is no event of the service. The other messages are
        // put back for the next call of `events`.
        let own: Vec<OutboxMessage> = self.broker.take_recorded().into_iter().filter(|m| m.message_id != id).collect();
        self.broker.prepend_recorded(own);
    }

    /// Waits until the outbox is empty, and returns the states that the service has published since the last call, as
    /// (stream, state), in their order. A state that the relay has sent twice counts once.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let empty = async || outbox::table::Entity::find().count(self.db().read()).await.is_ok_and(|rows| rows == 0);
        self.eventually(empty, "the outbox to be empty").await;
        let mut seen = HashSet::new();
        // A message with a target is for one queue, such as an answer to a resync, and no event of a change.
        let messages = self.broker.take_recorded().into_iter().filter(|message| message.target.is_none());
        let states = messages.flat_map(|message| {
            let envelope: Value = serde_json::from_slice(&message.payload).expect("an envelope");
            self.described.check(&message.stream, &envelope);
            let states = envelope["data"].as_array().cloned().unwrap_or_default();
            states.into_iter().map(move |state| (message.stream.clone(), state))
        });
        // On a slow machine the relay may send states again before it has deleted their rows, also in another message,
        // because it joins messages of one stream.
        states.filter(move |(stream, state)| seen.insert(format!("{stream} {state}"))).collect()
    }

    /// Makes every commit of a transaction that has changed `table` run the PL/pgSQL statement `instead`, such as one
    /// that fails or breaks the connection. `None` removes the statement again. This works on Postgres only.
    pub async fn at_commit(&self, table: &str, instead: Option<&str>) {
        let drop = format!("DROP TRIGGER IF EXISTS at_commit ON {table}");
        self.db().relay().execute_unprepared(&drop).await.expect("no trigger");
        let Some(instead) = instead else { return };
        // A deferred constraint trigger runs during COMMIT itself, and not with the statement that fires it.
        let function = format!(
            "CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {instead}; RETURN NULL; END $$"
        );
        let trigger = format!(
            "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE OR DELETE ON {table} \
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()"
        );
        for sql in [function, trigger] {
            self.db().relay().execute_unprepared(&sql).await.expect("a trigger");
        }
    }

    /// Stops SQLite's file from growing, as a full disk does, until the connection that writes to it is opened anew.
    pub async fn fill_disk(&self) {
        let pages = Statement::from_string(DbBackend::Sqlite, "PRAGMA page_count");
        let pages = self.db().relay().query_one_raw(pages).await.expect("an answer").expect("a row");
        let pages: i32 = pages.try_get_by_index(0).expect("a number");
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.db().relay().execute_unprepared(&limit).await.expect("a limit");
    }

    /// Polls a condition until it holds. `what` completes the sentence "waited in vain for".
    ///
    /// # Panics
    /// If the condition does not hold within 20 s, even if a single evaluation takes that long; or if a task of the
    /// service ends early.
    pub async fn eventually(&self, mut condition: impl AsyncFnMut() -> bool, what: &str) {
        let wait = async {
            while !condition().await {
                assert!(!self.failed.is_cancelled(), "a task of the service ended early");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within_deadline(wait, what).await;
    }

    /// Waits until all events have left, checks them against their description, stops the service's tasks, and closes
    /// its database.
    pub async fn finish(self) {
        self.events().await;
        self.service.stop();
        self.tracker.close();
        within_deadline(self.tracker.wait(), "the service's tasks to end").await;
        within_deadline(self.service.db.close(), "the database to be closed").await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.service.stop();
    }
}

impl Call<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds an access token of this user, who is no admin.
    pub fn as_user(self, id: i64, username: &str) -> Self {
        let token = self.app.token(id, username, Role::User);
        self.bearer(&token)
    }

    /// Adds an access token of the admin with the id 1 000 000.
    pub fn as_admin(self) -> Self {
        let token = self.app.token(1_000_000, "admin", Role::Admin);
        self.bearer(&token)
    }

    /// Adds this token as the bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Replaces the body by these bytes, and sets their content type.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self.header("content-type", content_type)
    }

    /// Sends the request and returns the answer.
    ///
    /// # Panics
    /// If the answer is not one that the API's description promises for this operation.
    pub async fn send(self) -> Answer {
        let request = self.request.body(Body::from(self.body)).expect("a request");
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        // Boxed, or the future of every test would be as large as the one of a whole request.
        let response = Box::pin(self.app.http.answer(request)).await;
        let (parts, body) = response.into_parts();
        let bytes = read_body(&parts.headers, body).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, json, text, bytes };
        self.app.api.check(&method, &path, &answer);
        answer
    }

    /// Sends the request, and leaves its answer open: a stream of events.
    ///
    /// # Panics
    /// If the answer is none.
    pub async fn open(self) -> EventStream {
        let request = self.request.body(Body::empty()).expect("a request");
        let response = Box::pin(self.app.http.answer(request)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        EventStream::of(response.into_body())
    }
}

impl Answer {
    /// Asserts that the answer is a problem document with this status and detail. An empty `detail` allows any.
    ///
    /// # Panics
    /// If the status, the form of the document, or the detail differs.
    #[track_caller]
    pub fn is_problem(&self, status: u16, detail: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.json["status"], status, "{}", self.text);
        for field in ["type", "title", "detail", "code", "request_id"] {
            assert!(self.json[field].is_string(), "no {field}: {}", self.text);
        }
        if !detail.is_empty() {
            assert_eq!(self.json["detail"], detail, "{}", self.text);
        }
    }
}

/// Generates a new Ed25519 key pair, and returns the private key and the public one as a JWK with this key id.
pub fn signing_key(kid: &str) -> (EncodingKey, Jwk) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a public key");
    jwk.common.key_id = Some(kid.to_owned());
    (key, jwk)
}

/// Signs claims as a JWT. `kid` and `kind` become the key id and the type in the header of the token, whether they are
/// true or not.
pub fn sign(key: &EncodingKey, kid: &str, kind: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), typ: Some(kind.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, key).expect("a token")
}

/// Decodes the claims of a token without checking its signature or its times.
pub fn claims(token: &str) -> Claims {
    jsonwebtoken::dangerous::insecure_decode::<Claims>(token).expect("claims").claims
}

/// Creates a new, empty database and returns its URL; `None` if the tests run on SQLite.
pub(crate) async fn empty_postgres(name: &str) -> Option<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    if std::env::var("TEST_DATABASE").as_deref() != Ok("postgres") {
        return None;
    }
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: `make test` sets it");
    // The name is unique among the test binaries that share the server, and among the tests of this binary.
    let database = format!("{name}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let connection = Database::connect(&server).await.expect("the Postgres of the tests");
    connection.execute_unprepared(&format!("CREATE DATABASE {database}")).await.expect("a database");
    connection.close().await.expect("closed");
    let mut url = url::Url::parse(&server).expect("a URL");
    url.set_path(&database);
    Some(url.into())
}
