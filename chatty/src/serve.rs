//! `chatty serve`: the suite in one process.

use std::process::ExitCode;
use std::time::Instant;

use shared::config::{ConfigError, Env, Environment, Settings};
use shared::http::Listeners;
use shared::lifecycle;
use shared::telemetry;

use crate::{control, data_folder, output, suite};

/// Settings that a service of its own reads and the suite in one process does not. They are refused, so that nobody believes
/// that people's data is in Postgres and in its backups.
pub(crate) const OF_SERVICES: [&str; 3] = ["DATABASE_URL", "AMQP_URL", "AUTH_JWKS_URL"];

/// Serves until a signal.
pub(crate) async fn serve(env: &Env) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let settings = Settings::from_env(env, suite::PORT)?;
    if let Some(name) = OF_SERVICES.into_iter().find(|name| env.get(name).is_some()) {
        let reason = "is for a service of its own; one process keeps everything in CHATTY_DATA_DIR: leave it out";
        return Err(ConfigError::new(name, reason).into());
    }
    let lock = data_folder::lock(&settings)?;
    data_folder::refuse_half_restore(&settings)?;
    let commands = control::listen(&settings)?;
    let services = Box::pin(suite::build(env)).await?;
    let metrics = telemetry::init_metrics("chatty")?;
    let listeners = Listeners::bind(&settings)?;
    let greeting = greeting(env, &settings, started);
    let serving = lifecycle::run(listeners, services, metrics, move || {
        if let Err(error) = output::line(greeting()) {
            tracing::warn!(%error, "The greeting could not be printed.");
        }
    });
    let code = tokio::select! {
        code = serving => code,
        never = control::serve(commands, env) => match never {},
    };
    drop(lock);
    Ok(code)
}

fn greeting(env: &Env, settings: &Settings, started: Instant) -> impl FnOnce() -> String {
    let (url, data) = (settings.public_url.clone(), settings.data_dir.display().to_string());
    let development = settings.environment == Environment::Development;
    let mailbox = development && env.get("SMTP_URL").is_none();
    let default_admin = development && env.get("ADMIN_USERNAME").or(env.get("ADMIN_PASSWORD")).is_none();
    move || {
        let mut lines = vec![
            format!("Chatty is ready after {:.1} s.", started.elapsed().as_secs_f64()),
            format!("  API          {url}"),
            format!("  reference    {url}/docs"),
        ];
        if mailbox {
            lines.push(format!("  mailbox      {url}/dev/mail"));
        }
        if default_admin {
            lines.push("  admin        admin / secret   (development only)".to_owned());
        }
        lines.push(format!("  data         {data}"));
        lines.push("Fill it with people: chatty demo. Stop it with Ctrl-C.".to_owned());
        lines.join("\n")
    }
}
