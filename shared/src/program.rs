//! The program of one service in the distributed form: its command line, its dependencies and its run.
//!
//! The five binaries differ only in the service that they build, so their `main` is here. The one-process suite has a
//! `main` of its own in the crate `chatty`.

use std::process::ExitCode;
use std::sync::Arc;

use crate::auth::Keys;
use crate::clock::Clock;
use crate::command;
use crate::config::{ConfigError, Env, Settings, Variable};
use crate::events::broker::RabbitBroker;
use crate::fail_points;
use crate::http::{self, Listeners, Peers};
use crate::lifecycle::run;
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
            let deps = distributed_deps(name, settings, &env).await.map_err(|error| error.to_string())?;
            let settings = deps.settings.clone();
            let keys = deps.keys.clone();
            let service =
                build(&env, deps).map_err(|error| error.to_string())?.task("keys", |cancel| keys.refresh(cancel));
            // No recorder is installed and no port is bound before the settings are known to be valid.
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
