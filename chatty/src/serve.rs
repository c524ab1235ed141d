//! `chatty serve`: the suite in one process, on SQLite files and with a broker inside the process.

use std::process::ExitCode;
use std::time::Instant;

use shared::config::{ConfigError, Env, Environment, Settings};
use shared::http::Listeners;
use shared::lifecycle;
use shared::services::SERVICES;
use shared::telemetry;

use crate::{control, data_folder, output, suite};

/// The settings of the distributed form that would have no effect in one process. They are refused, because an operator
/// who sets one of them believes that the data is in Postgres and in its backups (docs/adr/0020).
const DISTRIBUTED_ONLY: [&str; 3] = ["DATABASE_URL", "AMQP_URL", "AUTH_JWKS_URL"];

/// Returns whether a setting is for the distributed form only. The URLs of the services are among them.
pub(crate) fn is_distributed_only(name: &str) -> bool {
    DISTRIBUTED_ONLY.contains(&name) || SERVICES.iter().any(|service| service.url_variable == name)
}

/// Serves the suite, and carries out commands from the control socket, until SIGTERM or Ctrl-C. Returns the exit code.
///
/// # Errors
/// When the start is refused: because a setting is not valid, another process uses the data folder or the address, a
/// restore was interrupted, or a database cannot be opened.
pub(crate) async fn serve(env: &Env) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let settings = Settings::from_env(env, suite::PORT)?;
    let refused = DISTRIBUTED_ONLY.into_iter().chain(SERVICES.map(|service| service.url_variable));
    if let Some(name) = refused.into_iter().find(|name| env.get(name).is_some()) {
        let reason = "is for the five services only; one process keeps all data in CHATTY_DATA_DIR: remove the setting";
        return Err(ConfigError::new(name, reason).into());
    }
    // The lock is held until the end. It is taken before anything in the folder is read, because another process may be
    // writing there.
    let lock = data_folder::lock(&settings)?;
    data_folder::refuse_interrupted_restore(&settings)?;
    // The socket is bound before the files are opened, so that a command that is started meanwhile waits for the suite
    // instead of opening the files itself.
    let commands = control::listen(&settings)?;
    let parts = Box::pin(suite::build(env)).await?;
    let metrics = telemetry::init_metrics("chatty")?;
    let listeners = Listeners::bind(&settings)?;
    let start_message = compose_start_message(env, &settings, started);
    let serving = lifecycle::run(listeners, parts, metrics, move || {
        if let Err(error) = output::print_line(start_message()) {
            tracing::warn!(%error, "The start message could not be printed.");
        }
    });
    let code = tokio::select! {
        code = serving => code,
        never = control::serve(commands, env) => match never {},
    };
    drop(lock);
    Ok(code)
}

/// Returns the function that composes the message for the moment when the suite is ready. The text is made only then,
/// because it tells how long the start took.
fn compose_start_message(env: &Env, settings: &Settings, started: Instant) -> impl FnOnce() -> String {
    let (url, data) = (settings.public_url.clone(), settings.data_dir.display().to_string());
    let development = settings.environment == Environment::Development;
    let mailbox = development && env.get("SMTP_URL").is_none();
    let default_admin = development && env.get("ADMIN_USERNAME").or(env.get("ADMIN_PASSWORD")).is_none();
    move || {
        let mut lines = vec![
            format!("Chatty is ready after {:.1} s.", started.elapsed().as_secs_f64()),
            format!("  open         {url}"),
            format!("  API          {url}/docs"),
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
