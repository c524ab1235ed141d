//! One service under test: its real router, an own database, the in-process broker, a clock that stands still.
//!
//! Runs on SQLite, or on Postgres when `TEST_DATABASE=postgres` (server: `TEST_POSTGRES_URL`). Dropping an app stops its
//! tasks; `finish` also waits until its events have left and the tasks have ended.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a helper of tests fails by panicking, and reads the variables that `make test` sets"
)]

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::described::api::{Api, Operation};
use crate::described::events::Events;
use crate::described::generic::check_optional;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sea_orm::{ConnectionTrait, Database, DbBackend, EntityTrait, PaginatorTrait, Statement};
use serde_json::{Value, json};
use shared::auth::{AUDIENCE, Claims, ISSUER, Keys, Role, TOKEN_TYPE};
use shared::clock::{Clock, Timestamp};
use shared::config::{Env, Settings};
use shared::db::Db;
use shared::events::broker::{Broker, LocalBroker};
use shared::events::envelope;
use shared::events::outbox::{self, OutboxMessage};
use shared::events::topology;
use shared::http::{App, Inside};
use shared::lifecycle::{Cancel, Deps, Service, Tracker};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service under test.
pub struct TestApp {
    /// The clock of the service; it moves only when a test moves it.
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
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub json: Value,
    /// The body as text.
    pub text: String,
    /// The body.
    pub bytes: Vec<u8>,
}

/// A request that is being put together.
#[must_use]
pub struct Call<'a> {
    app: &'a TestApp,
    request: axum::http::request::Builder,
    body: Vec<u8>,
}

impl TestApp {
    /// Builds, prepares and starts a service on a database of its own.
    pub async fn spawn(name: &'static str, build: impl AsyncFnOnce(Deps) -> Service) -> Self {
        in_time(Box::pin(Self::start(name, build)), "the service to start").await
    }

    async fn start(name: &'static str, build: impl AsyncFnOnce(Deps) -> Service) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().expect("a path in UTF-8"))]);
        if std::env::var("TEST_DATABASE").as_deref() == Ok("postgres") {
            env = env.with("DATABASE_URL", fresh_postgres(name).await);
        }
        let settings = Settings::from_env(&env, 8080).expect("settings");
        let at: Timestamp = serde_json::from_value(json!("2026-03-01T12:00:00Z")).expect("a time");
        let clock = Clock::fixed(at);
        let broker = Arc::new(LocalBroker::recording(&[name]));
        let (key, jwk) = signing_key("test");
        let deps = Deps {
            db: Db::open(&settings, name, clock.clone()).await.expect("a database"),
            settings,
            broker: Arc::clone(&broker) as Arc<dyn Broker>,
            keys: Keys::fixed(&JwkSet { keys: vec![jwk] }),
            clock: clock.clone(),
        };
        let mut service = build(deps).await;
        service.prepare().await.expect("a start");
        let (tracker, failed) = (Tracker::new(), Cancel::new());
        service.start(&tracker, &failed);
        let http =
            App::new(service.router.clone(), service.openapi.clone(), vec![service.health.clone()], Inside::Told(None));
        let (api, described) = (Api::new(service.openapi.clone()), Events::read());
        let app = Self { clock, name, http, service, broker, key, tracker, failed, api, described, _folder: folder };
        app.eventually(async || app.get("/readyz").send().await.json["status"] == "ready", "the service to be ready")
            .await;
        app
    }

    /// Calls every described operation. All but the `public` ones, named as `GET /posts/{id}`, refuse who has no token or
    /// a bad one; those under `/admin/` refuse who is no admin.
    pub async fn check_rights(&self, public: &[&str]) {
        let operations = self.api.operations();
        let open: BTreeSet<String> =
            operations.iter().filter(|operation| !operation.bearer).map(Operation::name).collect();
        assert_eq!(open, public.iter().map(|&name| name.to_owned()).collect(), "what strangers may call");
        let expired = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "1", "exp": 1_000, "nbf": 0, "iat": 0, "jti": "test",
            "username": "ann", "role": "admin", "sv": 0
        });
        for operation in operations {
            let call = || self.call(operation.method.clone(), &operation.path(), None);
            let name = operation.name();
            let anonymous = call().send().await;
            assert_eq!(anonymous.status == 401, operation.bearer, "{name} without a token: {}", anonymous.text);
            if operation.bearer {
                call().bearer(&self.sign(&expired)).send().await.is_problem(401, "");
                let refused = call().as_user(1, "ann").send().await.status == 403;
                assert_eq!(refused, name.contains(" /admin/"), "{name} as somebody");
            }
            let admin = call().as_admin().send().await;
            // One rule for everything that needs a token, refusals too, and for nothing else.
            let kept = |answer: &Answer| answer.headers.get("cache-control").is_none_or(|rule| rule != "no-store");
            if operation.bearer {
                assert!(!kept(&anonymous) && !kept(&admin), "{name} may be kept by caches");
            }
            assert!(admin.status < 500 && admin.status != 403, "{name} as an admin: {}", admin.text);
        }
    }

    /// Calls every described operation with and without each thing that may be missing, see
    /// [`generic::check_optional`](crate::described::generic::check_optional).
    pub async fn check_optional(&self, one_of: &[&str]) {
        let token = self.token(1_000_000, "admin", Role::Admin);
        check_optional(&self.api, &self.http, &token, one_of).await;
    }

    /// The database of the service.
    pub fn db(&self) -> &Db {
        &self.service.db
    }

    /// The service itself.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path, None)
    }

    /// A POST request with a JSON body; `Value::Null` sends none.
    pub fn post(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::POST, path, Some(body))
    }

    /// A PATCH request with a JSON body.
    pub fn patch(&self, path: &str, body: Value) -> Call<'_> {
        self.call(Method::PATCH, path, Some(body))
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path, None)
    }

    /// Any request.
    pub fn call(&self, method: Method, path: &str, body: Option<Value>) -> Call<'_> {
        let mut request = Request::builder().method(method).uri(path);
        let body = body.filter(|body| !body.is_null());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        Call { app: self, request, body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default() }
    }

    /// An access token as auth would sign it.
    pub fn token(&self, id: i64, username: &str, role: Role) -> String {
        let now = self.clock.now().unix_seconds();
        self.sign(&json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": id.to_string(), "exp": now + 600, "nbf": now, "iat": now,
            "jti": "test", "username": username, "role": role, "sv": 0
        }))
    }

    /// Any claims, signed with the right key.
    pub fn sign(&self, claims: &Value) -> String {
        sign(&self.key, "test", TOKEN_TYPE, claims)
    }

    /// Publishes states of another service to this one and waits until they are applied.
    pub async fn deliver(&self, stream: &str, states: &[Value]) {
        for (id, payload) in self.messages(stream, states) {
            self.described.check(stream, &serde_json::from_slice(&payload).expect("a message"));
            self.deliver_raw(stream, &id, payload).await;
        }
    }

    /// The same with states that are not as they are described.
    pub async fn deliver_bad(&self, stream: &str, states: &[Value]) {
        for (id, payload) in self.messages(stream, states) {
            self.deliver_raw(stream, &id, payload).await;
        }
    }

    fn messages(&self, stream: &str, states: &[Value]) -> Vec<(String, Vec<u8>)> {
        let owner = topology::owner(stream).expect("a stream");
        let messages = envelope::encode(owner, stream, states, self.clock.now()).expect("states");
        messages.into_iter().map(|(id, payload)| (id.to_string(), payload)).collect()
    }

    /// Publishes any bytes to the service's queue and waits until they are consumed.
    pub async fn deliver_raw(&self, stream: &str, id: &str, payload: Vec<u8>) {
        let target = Some(topology::queue(self.name, stream));
        let message = OutboxMessage { id: 0, message_id: id.to_owned(), stream: stream.to_owned(), target, payload };
        let deliver = async || self.broker.publish(std::slice::from_ref(&message)).await.iter().all(Result::is_ok);
        self.eventually(deliver, "an event to be applied").await;
        // The delivery itself is no event of the service.
        let own: Vec<OutboxMessage> = self.broker.take_recorded().into_iter().filter(|m| m.message_id != id).collect();
        self.broker.put_back(own);
    }

    /// The states that the service published since the last call, as (stream, state), in order. A message that was sent
    /// again, because the machine was too slow to note that it was sent, counts once.
    pub async fn events(&self) -> Vec<(String, Value)> {
        let empty = async || outbox::Entity::find().count(self.db().read()).await.is_ok_and(|rows| rows == 0);
        self.eventually(empty, "the outbox to be empty").await;
        let mut seen = HashSet::new();
        let messages = self.broker.take_recorded().into_iter().filter(|message| message.target.is_none());
        let messages = messages.filter(move |message| seen.insert(message.message_id.clone()));
        let states = messages.flat_map(|message| {
            let envelope: Value = serde_json::from_slice(&message.payload).expect("an envelope");
            self.described.check(&message.stream, &envelope);
            let states = envelope["data"].as_array().cloned().unwrap_or_default();
            states.into_iter().map(move |state| (message.stream.clone(), state))
        });
        states.collect()
    }

    /// Lets every commit that has changed this table do this instead, in PL/pgSQL, on Postgres; `None` lets it be again.
    pub async fn at_commit(&self, table: &str, instead: Option<&str>) {
        let drop = format!("DROP TRIGGER IF EXISTS at_commit ON {table}");
        self.db().relay().execute_unprepared(&drop).await.expect("no trigger");
        let Some(instead) = instead else { return };
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

    /// Lets the file of SQLite grow no more until its writer's connection is opened anew: as a full disk does.
    pub async fn fill_disk(&self) {
        let pages = Statement::from_string(DbBackend::Sqlite, "PRAGMA page_count");
        let pages = self.db().relay().query_one_raw(pages).await.expect("an answer").expect("a row");
        let pages: i32 = pages.try_get_by_index(0).expect("a number");
        let limit = format!("PRAGMA max_page_count = {pages}");
        self.db().relay().execute_unprepared(&limit).await.expect("a limit");
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// When it does not hold in time, also if looking at it takes too long.
    pub async fn eventually(&self, mut condition: impl AsyncFnMut() -> bool, what: &str) {
        let wait = async {
            while !condition().await {
                assert!(!self.failed.is_cancelled(), "a task of the service ended early");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        in_time(wait, what).await;
    }

    /// Stops the service's tasks and closes its database.
    pub async fn finish(self) {
        self.events().await;
        self.service.stop();
        self.tracker.close();
        in_time(self.tracker.wait(), "the service's tasks to end").await;
        in_time(self.service.db.close(), "the database to be closed").await;
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

    /// Asks as somebody.
    pub fn as_user(self, id: i64, username: &str) -> Self {
        let token = self.app.token(id, username, Role::User);
        self.bearer(&token)
    }

    /// Asks as an admin (id 1 000 000).
    pub fn as_admin(self) -> Self {
        let token = self.app.token(1_000_000, "admin", Role::Admin);
        self.bearer(&token)
    }

    /// Asks with this token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends these bytes.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self.header("content-type", content_type)
    }

    /// Sends the request; the answer has to be one that the API's description promises.
    pub async fn send(self) -> Answer {
        let request = self.request.body(Body::from(self.body)).expect("a request");
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        // Boxed, or every future of a test would be as large as what the service does for a request.
        let response = Box::pin(self.app.http.answer(request)).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, json, text, bytes };
        self.app.api.check(&method, &path, &answer);
        answer
    }
}

impl Answer {
    /// Fails unless the answer is this problem.
    ///
    /// # Panics
    /// When the status, the form, or the detail differ.
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

/// A fresh key pair.
pub fn signing_key(kid: &str) -> (EncodingKey, Jwk) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a public key");
    jwk.common.key_id = Some(kid.to_owned());
    (key, jwk)
}

/// Signs claims.
pub fn sign(key: &EncodingKey, kid: &str, kind: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), typ: Some(kind.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, key).expect("a token")
}

/// Claims as a service reads them.
pub fn claims(token: &str) -> Claims {
    jsonwebtoken::dangerous::insecure_decode::<Claims>(token).expect("claims").claims
}

/// What a future answers, or a failed test when that takes too long: a server of the tests that died must not stop them.
async fn in_time<T>(future: impl Future<Output = T>, what: &str) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_elapsed| panic!("waited in vain for {what}"))
}

async fn fresh_postgres(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: `make test` sets it");
    let database = format!("{name}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let connection = Database::connect(&server).await.expect("the Postgres of the tests");
    connection.execute_unprepared(&format!("CREATE DATABASE {database}")).await.expect("a database");
    connection.close().await.expect("closed");
    let mut url = url::Url::parse(&server).expect("a URL");
    url.set_path(&database);
    url.into()
}
