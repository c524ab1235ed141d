//! The life of one service: it is built, prepared, started and stopped.
//!
//! This file owns the list of tasks that run beside the HTTP server: the relay, the consumers, the comparison of copies
//! and the watches of the broker, the disk and the schema. Building binds and connects nothing, so that a binary, the
//! one-process suite and the tests can all build a service in the same way and each run it differently.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use sea_orm_migration::MigratorTrait;
use tokio::time::sleep;
use utoipa::openapi::OpenApi;

use crate::auth::{Auth, Keys};
use crate::clock::Clock;
use crate::config::{ConfigError, Settings};
use crate::db::{Schema, permanent_refusal};
use crate::disk;
use crate::events::Streams;
use crate::events::broker::Broker;
use crate::events::comparison::{self, Timing};
use crate::events::context::Context;
use crate::events::{fills, follow, gauges, relay, replicas, resync};
use crate::export::{self, ExportedData};
use crate::health::Health;
use crate::http::{Peers, StrictPaths};
use crate::tasks::{Backoff, Cancel, Task, Tracker};
use crate::watch;
use crate::work::Db;

/// Work that is done once, before the tasks start. Its error is the reason why the start is refused.
type StartWork = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The number of refusals in a row after which the broker's answer counts as final. One is not enough, because a node
/// that is starting may not know its users yet (docs/adr/0020).
const MAX_REFUSALS: u32 = 3;

/// The dependencies that a service is built from.
#[derive(Clone)]
pub struct Deps {
    /// The settings that all services have in common.
    pub settings: Settings,
    /// The service's own database.
    pub db: Db,
    /// The message broker.
    pub broker: Arc<dyn Broker>,
    /// The public keys that access tokens are verified with.
    pub keys: Keys,
    /// The other services.
    pub peers: Peers,
    /// The clock; tests set it.
    pub clock: Clock,
}

/// A service that was built. Until [`Service::prepare`] and [`Service::start`] it has bound no port, opened no
/// connection and installed nothing in the process.
pub struct Service {
    /// The service's name, as in [`topology`](crate::events::topology).
    pub name: &'static str,
    /// The routes of the service's API.
    pub router: Router,
    /// The origins of web pages that may call the routes, from the settings.
    pub cors_origins: Vec<HeaderValue>,
    /// The operations whose rate is limited more strictly than that of others.
    pub strict_paths: StrictPaths,
    /// The OpenAPI description of these routes.
    pub openapi: OpenApi,
    /// The streams that the service owns, and the streams that it keeps copies of.
    pub streams: Streams,
    /// The database of the service.
    pub db: Db,
    /// The health of the service, as `/readyz` reports it.
    pub health: Health,
    broker: Arc<dyn Broker>,
    /// The token that ends all tasks of the service.
    cancel: Cancel,
    /// See [`Service::stopping`].
    stopping: Cancel,
    schema: Schema,
    /// The timing of the comparison of copies with their owners.
    timing: Timing,
    start_work: Vec<StartWork>,
    tasks: Vec<(&'static str, Task)>,
}

impl Service {
    /// Builds a service from its routes and the type of its migrations. It has no streams and no tasks of its own yet.
    pub fn new<M: MigratorTrait>(name: &'static str, deps: &Deps, (router, openapi): (Router, OpenApi)) -> Self {
        let health = Health::new(name, deps.db.clone(), Arc::clone(&deps.broker), deps.keys.clone());
        Self {
            name,
            router,
            cors_origins: deps.settings.cors_origins.clone(),
            strict_paths: &[],
            openapi,
            streams: Streams::default(),
            db: deps.db.clone(),
            health,
            broker: Arc::clone(&deps.broker),
            cancel: Cancel::new(),
            stopping: Cancel::new(),
            schema: Schema::of::<M>(),
            timing: Timing::of(&deps.settings),
            start_work: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Sets the operations whose rate is limited more strictly than that of others.
    #[must_use]
    pub fn strict_paths(mut self, paths: StrictPaths) -> Self {
        self.strict_paths = paths;
        self
    }

    /// Sets the streams that the service owns and copies.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Lets auth collect the data that this service holds about a person who asks for an export.
    #[must_use]
    pub fn export(mut self, auth: Auth, data: impl ExportedData) -> Self {
        self.router = self.router.merge(export::router(self.name, auth, self.db.clone(), data));
        self
    }

    /// Sets the timing of the comparison of copies with their owners. Tests use it; without this call the setting
    /// `COMPARE_SECONDS` decides.
    #[must_use]
    pub fn compare_with(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Adds the entry `name` to the answer of `/readyz?verbose`. `read` must return the value from memory, since probes
    /// come often and must not wait. A service has one such entry; a second one is ignored.
    #[must_use]
    pub fn detail(self, name: &'static str, read: impl Fn() -> serde_json::Value + Send + Sync + 'static) -> Self {
        self.health.set_detail(name, read);
        self
    }

    /// Adds work that is done once, after the migrations and before the tasks start. Its error refuses the start.
    #[must_use]
    pub fn on_start(mut self, work: impl Future<Output = Result<(), String>> + Send + 'static) -> Self {
        self.start_work.push(Box::pin(work));
        self
    }

    /// Adds a task of the service's own. It must run until it is cancelled: a task that ends earlier stops the process.
    /// `name` is used in logs.
    #[must_use]
    pub fn task<F: Future<Output = ()> + Send + 'static>(
        mut self,
        name: &'static str,
        task: impl FnOnce(Cancel) -> F,
    ) -> Self {
        let future = task(self.cancel.clone());
        self.tasks.push((name, Box::pin(future)));
        self
    }

    /// Returns the signal that the process has begun to stop. It comes before the server waits for the requests under way,
    /// while all tasks still run, so that answers without an end can be ended.
    pub fn stopping(&self) -> Cancel {
        self.stopping.clone()
    }

    /// Brings the schema up to date, asks the owners for the copies that were never requested or have no row, and does
    /// the work of [`Service::on_start`]. Waits without limit for a database that is away. Returns early, and without
    /// an error, when the service is stopped meanwhile.
    ///
    /// # Errors
    /// The reason why the start is refused: a database that refuses this process for good (docs/adr/0020), or an error
    /// of the work.
    pub async fn prepare(&mut self) -> Result<(), String> {
        let mut backoff = Backoff::default();
        loop {
            let failed = match self.db.migrate(self.schema).await {
                Ok(()) => {
                    match fills::request_missing_copies(&self.db, self.broker.as_ref(), &self.streams.consumers).await {
                        Ok(()) => break,
                        Err(error) => error.to_string(),
                    }
                }
                // A refusal for good ends a start only; a running service goes on trying (docs/adr/0020).
                Err(error) => match permanent_refusal(&error) {
                    Some(reason) => return Err(ConfigError::new("DATABASE_URL", reason).to_string()),
                    None => error.to_string(),
                },
            };
            tracing::warn!(error = failed, service = self.name, "The database cannot be prepared yet; trying again.");
            // A disk without any room would fail every try; the reserve is enough for a start.
            disk::release_reserve(self.db.write_health());
            tokio::select! { () = sleep(backoff.next_pause()) => {}, () = self.cancel.cancelled() => return Ok(()) }
        }
        for work in std::mem::take(&mut self.start_work) {
            work.await?;
        }
        // A database that was restored from a dump may be older than its copies, so an owner asks the copies before it
        // publishes (docs/adr/0015). The comparison, which starts with the tasks, gives the permit.
        if comparison::has_copies(&self.context(), &self.streams) {
            self.db.outbox().permit().withhold();
        }
        self.health.set_prepared();
        Ok(())
    }

    fn context(&self) -> Context {
        Context::new(self.name, self.db.clone(), Arc::clone(&self.broker), self.cancel.clone())
    }

    /// Starts all tasks on `tracker`: the relay, the consumers, the watches and the service's own tasks. Call it once,
    /// after [`Service::prepare`].
    ///
    /// A task that ends before [`Service::stop`] cancels `failed`, and the process is expected to stop: a service
    /// without its relay or a consumer would go on answering while its copies fall behind for ever.
    pub fn start(&mut self, tracker: &Tracker, failed: &Cancel) {
        let context = self.context();
        self.health.set_progress(context.progress.clone());
        let consumed = self.streams.consumers.iter().map(|consumer| consumer.stream()).collect();
        let measuring = gauges::run(context.clone(), consumed);
        let mut tasks = std::mem::take(&mut self.tasks);
        let broker = Arc::clone(&self.broker);
        tasks.push(("broker", Box::pin(watch_admission(self.name, broker, self.cancel.clone()))));
        let relay = relay::run(self.db.clone(), Arc::clone(&self.broker), self.cancel.clone());
        tasks.push(("relay", Box::pin(relay)));
        tasks.push(("disk", Box::pin(disk::watch(self.db.clone(), self.cancel.clone()))));
        tasks.push(("gauges", Box::pin(measuring)));
        let own_memories = self.db.outbox().own_memories().clone();
        let telling = replicas::publish_own_states(own_memories, context.replicas.clone(), self.cancel.clone());
        tasks.push(("own states", Box::pin(telling)));
        tasks.push((
            "resync",
            Box::pin(resync::run(context.clone(), self.streams.sources.clone(), self.streams.consumers.clone())),
        ));
        tasks.push(("comparison", Box::pin(comparison::run(context.clone(), self.streams.clone(), self.timing))));
        let watching = watch::run(context.clone(), self.schema, self.streams.clone(), self.health.clone());
        tasks.push(("schema", Box::pin(watching)));
        let health = self.health.clone();
        let follow = follow::run(context.clone(), self.streams.consumers.clone(), move || health.set_loaded());
        tasks.push(("replicas", Box::pin(follow)));
        for consumer in self.streams.consumers.clone() {
            let context = context.clone();
            tasks.push((consumer.stream(), Box::pin(async move { consumer.run(context).await })));
        }
        for (name, task) in tasks {
            let (service, cancel, failed) = (self.name, self.cancel.clone(), failed.clone());
            // A second task awaits the first one, because a panic ends a task without running any more of its code.
            let running = tracker.spawn(task);
            tracker.spawn(async move {
                let outcome = running.await;
                if !cancel.is_cancelled() {
                    tracing::error!(service, task = name, ?outcome, "A task has ended early; the process stops.");
                    failed.cancel();
                }
            });
        }
    }

    /// Cancels all tasks. They end soon afterwards; the tracker of [`Service::start`] knows when.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

/// Tries to connect to the broker until it has accepted this process once, and then waits for `cancel`. Ends early, and
/// thereby stops the process, when the broker refuses the process [`MAX_REFUSALS`] times in a row: a wrong password
/// does not become right by waiting.
async fn watch_admission(service: &'static str, broker: Arc<dyn Broker>, cancel: Cancel) {
    let (mut backoff, mut refusals) = (Backoff::default(), 0);
    while refusals < MAX_REFUSALS {
        match broker.connect().await {
            Ok(()) => return cancel.cancelled().await,
            Err(error) if error.is_refused() => {
                refusals += 1;
                tracing::error!(service, "{}.", ConfigError::new("AMQP_URL", error));
            }
            // The broker is away, which passes. The relay and the consumers log that already.
            Err(_) => refusals = 0,
        }
        tokio::select! { () = sleep(backoff.next_pause()) => {}, () = cancel.cancelled() => return }
    }
}
