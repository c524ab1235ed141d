//! Chatty in one process, and the operator's commands.

mod accounts;
mod backup;
mod data_folder;
mod dead_letters;
mod demo;
mod doctor;
mod mail;
mod output;
mod reconcile;
mod restore;
mod serve;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use shared::config::{Env, VARIABLES, Variable};
use shared::{command, fail_points, telemetry};

/// Gives the 19 MiB of each password hash back at once, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A social network: one process with nothing to install, or five services on Postgres and RabbitMQ.
///
/// Commands use the *_DATABASE_URL variables and AMQP_URL when they are set, else the data folder CHATTY_DATA_DIR.
#[derive(Parser)]
#[command(
    version,
    after_help = after_help()
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The variables of the operator's commands.
const DATABASES: [Variable; 5] = [
    ("AUTH_DATABASE_URL", "for commands on five services: the database of auth, and AMQP_URL"),
    ("POSTS_DATABASE_URL", "that of posts"),
    ("SUBSCRIPTIONS_DATABASE_URL", "that of subscriptions"),
    ("ADMIN_DATABASE_URL", "that of admin"),
    ("RECOMMENDATIONS_DATABASE_URL", "that of recommendations"),
];

#[derive(Subcommand)]
enum Command {
    /// Serve all five services on one port (the default).
    Serve,
    /// Fill a running suite with a believable network of people, always the same.
    #[command(after_help = "Example:\n  chatty demo\n  chatty demo --base http://127.0.0.1:9000")]
    Demo(demo::Demo),
    /// Manage administrators.
    #[command(subcommand)]
    Admin(accounts::Admin),
    /// Compare every copy with its owner and name the rows that differ.
    #[command(after_help = "Example:\n  chatty reconcile --now --fix")]
    Reconcile(reconcile::Reconcile),
    /// Ask the owners to send everything again that a service keeps copies of, and wait until it agrees.
    #[command(after_help = "Example:\n  chatty rebuild subscriptions")]
    Rebuild(reconcile::Rebuild),
    /// Look at messages that could not be applied, send them again or drop them.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// Look at mails that were not delivered, send them again or drop them.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Look at everything that the suite needs, and say what to do about what is wrong.
    #[command(after_help = "Example:\n  chatty doctor --json")]
    Doctor(doctor::Doctor),
    /// Copy the one-process suite's data into a new folder, also while it runs.
    #[command(after_help = "Example:\n  chatty backup /var/backups/chatty/2026-02-01")]
    Backup(backup::Backup),
    /// Bring a backup back into an empty data folder; or, with the *_DATABASE_URL variables, make databases that
    /// pg_restore has filled usable again.
    #[command(after_help = "Example:\n  chatty restore /var/backups/chatty/2026-02-01 --verify")]
    Restore(restore::Restore),
    /// Print the API's description (OpenAPI 3.1).
    Openapi,
}

/// Examples, and the environment variables.
fn after_help() -> String {
    let own = [auth::VARIABLES, posts::VARIABLES, subscriptions::VARIABLES, &DATABASES].concat();
    let variables = command::explain(VARIABLES.iter().chain(&own));
    format!(
        "Example:\n  chatty                  serve on http://127.0.0.1:8080, or where CHATTY_LISTEN says\n  chatty demo             fill the running suite with people and posts\n  chatty reconcile --now  compare every copy with its owner\n\n{variables}"
    )
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let env = Env::of_process();
    let _armed = fail_points::arm();
    // An operator rather waits for a connection than hears how long it took.
    telemetry::init_logs(&env, "warn,sqlx::pool::acquire=error");
    let _reports = telemetry::init_sentry(&env);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match arguments.command.unwrap_or(Command::Serve) {
            Command::Serve => Box::pin(serve::serve(&env)).await,
            Command::Demo(demo) => demo.run(&env).await,
            Command::Admin(admin) => admin.run(&env).await,
            Command::Reconcile(reconcile) => reconcile.run(&env).await,
            Command::Rebuild(rebuild) => rebuild.run(&env).await,
            Command::DeadLetters(command) => command.run(&env).await,
            Command::Mail(command) => command.run(&env).await,
            Command::Doctor(doctor) => Box::pin(doctor.run(&env)).await,
            Command::Backup(backup) => backup.run(&env).await,
            Command::Restore(restore) => Box::pin(restore.run(&env)).await,
            Command::Openapi => output::line(suite::openapi()?).map(|()| ExitCode::SUCCESS),
        }
    });
    outcome.unwrap_or_else(|error| output::failed(&error))
}
