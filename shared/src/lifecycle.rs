//! From configuration to a running process and back: building, preparing, running and stopping services.

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use sea_orm_migration::MigratorTrait;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use utoipa::openapi::OpenApi;

use crate::auth::Keys;
use crate::clock::Clock;
use crate::command;
use crate::config::{ConfigError, Env, Settings, Variable};
use crate::db::{Db, Schema, refused_for_good};
use crate::events::Streams;
use crate::events::broker::{Broker, RabbitBroker};
use crate::events::comparison::{self, Pace};
use crate::events::consumer::Context;
use crate::events::{fills, measured, relay, replicas, resync};
use crate::fail_points;
use crate::http::{self, App, Health, Listeners};
use crate::telemetry;
use crate::watch;

/// Ends tasks.
pub type Cancel = tokio_util::sync::CancellationToken;
/// Knows all tasks of the process.
pub type Tracker = tokio_util::task::TaskTracker;
/// A task of a service.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Work before the tasks start.
type Start = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// How long tasks may take to end.
const STOP: Duration = Duration::from_secs(2);
/// How often in a row the broker may refuse this process: a node that comes up may not know its users yet.
const REFUSALS: u32 = 3;
/// How long databases may take to close.
const CLOSE: Duration = Duration::from_secs(1);

/// Pauses between tries: from 0.2 s doubling to 15 s, with jitter, without end.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let longest = Duration::from_millis(200).saturating_mul(1 << self.0.min(7)).min(Duration::from_secs(15));
        self.0 += 1;
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

/// What a service is built from.
#[derive(Clone)]
pub struct Deps {
    /// The common settings.
    pub settings: Settings,
    /// Its own database.
    pub db: Db,
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// The public keys.
    pub keys: Keys,
    /// The time.
    pub clock: Clock,
}

/// A service that is built and not running: nothing is bound, connected or installed yet.
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Its routes.
    pub router: Router,
    /// Their description.
    pub openapi: OpenApi,
    /// The streams it owns and the ones it keeps copies of.
    pub streams: Streams,
    /// Its database.
    pub db: Db,
    /// Its state, for `/readyz`.
    pub health: Health,
    broker: Arc<dyn Broker>,
    cancel: Cancel,
    schema: Schema,
    pace: Pace,
    start: Vec<Start>,
    tasks: Vec<(&'static str, Task)>,
}

impl Service {
    /// A service with its routes and migrations.
    pub fn new<M: MigratorTrait>(name: &'static str, deps: &Deps, (router, openapi): (Router, OpenApi)) -> Self {
        let health = Health::new(name, deps.db.clone(), Arc::clone(&deps.broker), deps.keys.clone());
        Self {
            name,
            router,
            openapi,
            streams: Streams::default(),
            db: deps.db.clone(),
            health,
            broker: Arc::clone(&deps.broker),
            cancel: Cancel::new(),
            schema: Schema::of::<M>(),
            pace: Pace::of(&deps.settings),
            start: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Sets its streams.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Sets how fast its copies are compared with their owners, for tests; else the settings say it.
    #[must_use]
    pub fn compared_at(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Adds something to what `/readyz?verbose` tells; it is read from memory.
    #[must_use]
    pub fn detail(self, name: &'static str, read: impl Fn() -> serde_json::Value + Send + Sync + 'static) -> Self {
        self.health.set_detail(name, read);
        self
    }

    /// Adds work that is done once, after the migrations and before the tasks. An error refuses the start.
    #[must_use]
    pub fn on_start(mut self, work: impl Future<Output = Result<(), String>> + Send + 'static) -> Self {
        self.start.push(Box::pin(work));
        self
    }

    /// Adds a task that runs until it is cancelled.
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

    /// Brings the schema up to date, however long the database takes to appear, and asks for the copies that have never been
    /// filled.
    ///
    /// # Errors
    /// The reason why the start is refused: one that no waiting heals.
    pub async fn prepare(&mut self) -> Result<(), String> {
        let mut backoff = Backoff::default();
        loop {
            let failed = match self.schema.migrate(&self.db).await {
                Ok(()) => match fills::ask(&self.db, self.broker.as_ref(), &self.streams.consumers).await {
                    Ok(()) => break,
                    Err(error) => error.to_string(),
                },
                Err(error) => match refused_for_good(&error) {
                    Some(reason) => return Err(ConfigError::new("DATABASE_URL", reason).to_string()),
                    None => error.to_string(),
                },
            };
            tracing::warn!(error = failed, service = self.name, "The database cannot be prepared yet; trying again.");
            self.db.writes().make_room();
            tokio::select! { () = sleep(backoff.pause()) => {}, () = self.cancel.cancelled() => return Ok(()) }
        }
        for work in std::mem::take(&mut self.start) {
            work.await?;
        }
        if comparison::has_copies(&self.context(), &self.streams) {
            self.db.outbox().writes().begin();
        }
        self.health.set_prepared();
        Ok(())
    }

    fn context(&self) -> Context {
        Context::new(self.name, self.db.clone(), Arc::clone(&self.broker), self.cancel.clone())
    }

    /// Starts the relay, the consumers and the service's own tasks. One that ends early ends the process, by `failed`.
    pub fn start(&mut self, tracker: &Tracker, failed: &Cancel) {
        let context = self.context();
        self.health.set_measured(context.measured.clone());
        let consumed = self.streams.consumers.iter().map(|consumer| consumer.stream()).collect();
        let measuring = measured::run(context.clone(), consumed);
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.push(("broker", Box::pin(until_refused(self.name, Arc::clone(&self.broker), self.cancel.clone()))));
        let relay = relay::run(self.db.clone(), Arc::clone(&self.broker), self.cancel.clone());
        tasks.push(("relay", Box::pin(relay)));
        let watching = self.db.writes().clone().watch(self.db.clone(), self.cancel.clone());
        tasks.push(("writes", Box::pin(watching)));
        tasks.push(("measured", Box::pin(measuring)));
        let telling = self.db.outbox().owned().clone().tell(context.replicas.clone(), self.cancel.clone());
        tasks.push(("owned", Box::pin(telling)));
        tasks.push((
            "resync",
            Box::pin(resync::run(context.clone(), self.streams.sources.clone(), self.streams.consumers.clone())),
        ));
        tasks.push(("comparison", Box::pin(comparison::run(context.clone(), self.streams.clone(), self.pace))));
        let watching = watch::run(context.clone(), self.schema, self.streams.clone(), self.health.clone());
        tasks.push(("schema", Box::pin(watching)));
        let health = self.health.clone();
        let follow = replicas::follow(context.clone(), self.streams.consumers.clone(), move || health.set_loaded());
        tasks.push(("replicas", Box::pin(follow)));
        for consumer in self.streams.consumers.clone() {
            let context = context.clone();
            tasks.push((consumer.stream(), Box::pin(async move { consumer.run(context).await })));
        }
        for (name, task) in tasks {
            let (service, cancel, failed) = (self.name, self.cancel.clone(), failed.clone());
            // A panic must be noticed too, so each task is watched from outside.
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

    /// Cancels all tasks.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

/// Waits for the broker to let this process in once. Ends early, and with it the process, when it is refused: a wrong
/// password does not heal by waiting.
async fn until_refused(service: &'static str, broker: Arc<dyn Broker>, cancel: Cancel) {
    let (mut backoff, mut refusals) = (Backoff::default(), 0);
    while refusals < REFUSALS {
        match broker.admit().await {
            Ok(()) => return cancel.cancelled().await,
            Err(error) if error.is_refused() => {
                refusals += 1;
                tracing::error!(service, "{}.", ConfigError::new("AMQP_URL", error));
            }
            // It is away, which passes; others tell.
            Err(_) => refusals = 0,
        }
        tokio::select! { () = sleep(backoff.pause()) => {}, () = cancel.cancelled() => return }
    }
}

/// Serves one or all services on one port until a signal, or until a task fails.
pub async fn run(
    listeners: Listeners,
    mut services: Vec<Service>,
    metrics: PrometheusHandle,
    ready: impl FnOnce(),
) -> ExitCode {
    let tracker = Tracker::new();
    let (stop, failed) = (Cancel::new(), Cancel::new());
    let openapi = crate::openapi::merge(services.iter().map(|service| service.openapi.clone()));
    let router = services.iter().fold(Router::new(), |router, service| router.merge(service.router.clone()));
    let health: Vec<Health> = services.iter().map(|service| service.health.clone()).collect();
    let probes = App::of_probes(health.clone(), metrics.clone());
    let app = App::new(router, openapi, health, listeners.inside(services.len() > 1, metrics.clone()));
    let server = {
        let (connections, stop) = (tracker.clone(), stop.clone());
        tracker.spawn(async move { http::serve(listeners, app, Some(probes), &connections, &stop).await })
    };
    let preparing = async {
        start_all(&mut services, &tracker, &failed).await;
        for service in &services {
            service.db.outbox().writes().started().await;
        }
        if !failed.is_cancelled() {
            ready();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = preparing => {}
        () = telemetry::keep_small(&metrics) => {}
        () = signalled() => tracing::info!("Stopping: requests under way are finished first."),
        () = failed.cancelled() => {}
    }
    stop.cancel();
    if server.await.is_err() {
        tracing::error!("The server panicked.");
    }
    stop_all(&services, &tracker).await;
    if failed.is_cancelled() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs services without serving HTTP until the work is done. `None`: a service could not start, or a task has failed.
pub async fn run_until<T>(mut services: Vec<Service>, work: impl Future<Output = T>) -> Option<T> {
    let (tracker, failed) = (Tracker::new(), Cancel::new());
    start_all(&mut services, &tracker, &failed).await;
    let done = tokio::select! {
        () = failed.cancelled() => None,
        done = work => Some(done),
    };
    stop_all(&services, &tracker).await;
    done
}

/// Prepares and starts one service after the other.
async fn start_all(services: &mut [Service], tracker: &Tracker, failed: &Cancel) {
    for service in services {
        if let Err(reason) = service.prepare().await {
            tracing::error!(service = service.name, "Not started: {reason}.");
            failed.cancel();
            return;
        }
        service.start(tracker, failed);
    }
}

/// Stops all tasks and closes the databases.
async fn stop_all(services: &[Service], tracker: &Tracker) {
    for service in services {
        service.stop();
    }
    tracker.close();
    if timeout(STOP, tracker.wait()).await.is_err() {
        tracing::warn!("Some tasks did not end in time.");
    }
    // A task that did not end may still hold a connection.
    let closing = async {
        for service in services {
            service.db.close().await;
        }
    };
    if timeout(CLOSE, closing).await.is_err() {
        tracing::warn!("Some databases could not be closed in time.");
    }
}

async fn signalled() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("Signals cannot be heard; stop the process by SIGKILL.");
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}

/// The `main` of a service's binary: configuration, telemetry, build, run. With the argument `healthcheck` it asks a
/// running instance whether it is ready, for containers. `own` are the variables of this service alone, for `--help`.
pub fn main(
    name: &'static str,
    port: u16,
    own: &[Variable],
    build: impl FnOnce(&Env, Deps) -> Result<Service, ConfigError>,
) -> ExitCode {
    let asks_for_health = command::asks_for_health(name, own);
    let env = Env::of_process();
    let _armed = fail_points::arm();
    telemetry::init_logs(&env, "info");
    let _reports = telemetry::init_sentry(&env);
    let outcome = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    let outcome = outcome.and_then(|runtime| {
        runtime.block_on(async {
            let settings = Settings::from_env(&env, port).map_err(|error| error.to_string())?;
            if asks_for_health {
                return is_ready(name, &settings).await.map_err(|error| error.to_string());
            }
            let deps = distributed_deps(name, settings).await.map_err(|error| error.to_string())?;
            let settings = deps.settings.clone();
            let keys = deps.keys.clone();
            let service =
                build(&env, deps).map_err(|error| error.to_string())?.task("keys", |cancel| keys.refresh(cancel));
            let metrics = telemetry::init_metrics(name).map_err(|error| error.to_string())?;
            let listeners = Listeners::bind(&settings).map_err(|error| error.to_string())?;
            tracing::info!(service = name, listen = %settings.listen, "Serving.");
            Ok(run(listeners, vec![service], metrics, || tracing::info!(service = name, "Ready.")).await)
        })
    });
    outcome.unwrap_or_else(|reason: String| {
        tracing::error!(service = name, "Not started: {reason}.");
        ExitCode::FAILURE
    })
}

/// Asks the instance on this machine whether it is ready, and says why not.
async fn is_ready(service: &str, settings: &Settings) -> Result<ExitCode, reqwest::Error> {
    let url = format!("{}/readyz", settings.local_url());
    match http::own_client()?.get(&url).send().await {
        Ok(answer) if answer.status().is_success() => return Ok(ExitCode::SUCCESS),
        Ok(answer) => tracing::error!(service, "Not ready: {url} answers {}.", answer.status()),
        Err(_) => tracing::error!(service, "Not ready: nothing answers at {url}."),
    }
    Ok(ExitCode::FAILURE)
}

/// What a service of the distributed form is built from: RabbitMQ, and keys from auth.
async fn distributed_deps(name: &'static str, settings: Settings) -> Result<Deps, Box<dyn std::error::Error>> {
    let clock = Clock::system();
    let amqp = settings.amqp_url.clone();
    let amqp = amqp
        .ok_or_else(|| ConfigError::new("AMQP_URL", "must be set for a service of its own; `chatty` runs without"))?;
    let jwks = settings.jwks_url.clone();
    let jwks = jwks.ok_or_else(|| ConfigError::new("AUTH_JWKS_URL", "must be set for a service of its own"))?;
    let db = Db::open(&settings, name, clock.clone()).await?;
    settings.create_data_dir()?;
    let keys = Keys::remote(jwks, settings.data_dir.join("jwks.json"))?;
    Ok(Deps { settings, db, broker: Arc::new(RabbitBroker::new(amqp)), keys, clock })
}
