//! A program of the distributed form, which is one service or the pages: its command line, its dependencies and its run.
//!
//! The binaries differ only in the part that they build, so their `main` is here. The one-process suite has a `main` of
//! its own in the crate `chatty`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::auth::Keys;
use crate::clock::Clock;
use crate::command;
use crate::config::{ConfigError, Env, Settings, Variable};
use crate::events::broker::RabbitBroker;
use crate::fail_points;
use crate::http::{self, Listeners, Pages, Peers};
use crate::lifecycle::{Parts, run};
use crate::service::{Deps, Service};
use crate::telemetry;
use crate::work::Db;

/// The `main` of a service's binary: reads the configuration, installs telemetry, builds the service and runs it.
///
/// With the argument `healthcheck`, which container runtimes use, it asks the running instance on this machine whether
/// it is ready. `port` is the port to listen on if `CHATTY_LISTEN` is not set; `own` lists the variables that only this
/// service reads, for `--help`.
///
/// Returns the exit code: 0 after a signal or for a ready instance, else 1, with the reason in the log.
pub fn main(
    name: &'static str,
    port: u16,
    own: &[Variable],
    build: impl FnOnce(&Env, Deps) -> Result<Service, ConfigError>,
) -> ExitCode {
    start(name, port, own, async |env, settings| {
        let deps = distributed_deps(name, settings, env).await?;
        let (keys, peers) = (deps.keys.clone(), deps.peers.clone());
        let service = build(env, deps)?.task("keys", |cancel| keys.refresh(cancel));
        Ok(Parts { services: vec![service], pages: None, peers })
    })
}

/// The `main` of the binary of the pages, which has no database and no events. See [`main`].
pub fn main_of_pages(
    name: &'static str,
    port: u16,
    own: &[Variable],
    build: impl FnOnce(&Env, &Settings, Peers) -> Result<Pages, ConfigError>,
) -> ExitCode {
    start(name, port, own, async |env, settings| {
        let peers = Peers::from_env(env)?;
        settings.create_data_dir()?;
        let pages = Some(build(env, &settings, peers.clone())?);
        Ok(Parts { services: Vec::new(), pages, peers })
    })
}

/// Starts a program of the distributed form with the parts that `build` returns.
fn start(
    name: &'static str,
    port: u16,
    own: &[Variable],
    build: impl AsyncFnOnce(&Env, Settings) -> Result<Parts, Box<dyn std::error::Error>>,
) -> ExitCode {
    // First, because `--help` and `--version` must work whatever the environment is.
    let asks_for_health = command::asks_for_health(name, own);
    let env = Env::of_process();
    let _armed = fail_points::arm();
    telemetry::init_logs(&env, "info");
    // Created before the runtime, so that it is dropped, and sends the last reports, after every task has ended.
    let _reports = telemetry::init_sentry(&env);
    let outcome = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    let outcome = outcome.and_then(|runtime| {
        runtime.block_on(async {
            let settings = Settings::from_env(&env, port).map_err(|error| error.to_string())?;
            if asks_for_health {
                return is_ready(name, &settings).await.map_err(|error| error.to_string());
            }
            let parts = build(&env, settings.clone()).await.map_err(|error| error.to_string())?;
            // No recorder is installed and no port is bound before the settings are known to be valid.
            let metrics = telemetry::init_metrics(name).map_err(|error| error.to_string())?;
            let listeners = Listeners::bind(&settings).map_err(|error| error.to_string())?;
            tracing::info!(service = name, listen = %settings.listen, "Serving.");
            Ok(run(listeners, parts, metrics, || tracing::info!(service = name, "Ready.")).await)
        })
    });
    outcome.unwrap_or_else(|reason: String| {
        tracing::error!(service = name, "Not started: {reason}.");
        ExitCode::FAILURE
    })
}

/// Asks the instance on this machine whether it is ready. Returns the exit code 0 or 1, and logs the reason for 1.
async fn is_ready(service: &str, settings: &Settings) -> Result<ExitCode, reqwest::Error> {
    let url = format!("{}/readyz", settings.local_url());
    match http::own_client()?.get(&url).send().await {
        Ok(answer) if answer.status().is_success() => return Ok(ExitCode::SUCCESS),
        Ok(answer) => tracing::error!(service, "Not ready: {url} answers {}.", answer.status()),
        Err(_) => tracing::error!(service, "Not ready: nothing answers at {url}."),
    }
    Ok(ExitCode::FAILURE)
}

/// Builds the dependencies of a service in the distributed form: its database, RabbitMQ, and the public keys of auth,
/// which are kept in `jwks.json` in the data folder so that the service can start while auth is down.
async fn distributed_deps(
    name: &'static str,
    settings: Settings,
    env: &Env,
) -> Result<Deps, Box<dyn std::error::Error>> {
    let clock = Clock::system();
    let amqp = settings.amqp_url.clone();
    let amqp = amqp
        .ok_or_else(|| ConfigError::new("AMQP_URL", "must be set for a service of its own; `chatty` runs without"))?;
    let jwks = settings.jwks_url.clone();
    let jwks = jwks.ok_or_else(|| ConfigError::new("AUTH_JWKS_URL", "must be set for a service of its own"))?;
    let db = Db::open(&settings, name, clock.clone()).await?;
    settings.create_data_dir()?;
    let keys = Keys::remote(jwks, settings.data_dir.join("jwks.json"))?;
    let peers = Peers::from_env(env)?;
    Ok(Deps { settings, db, broker: Arc::new(RabbitBroker::new(amqp)), keys, peers, clock })
}
