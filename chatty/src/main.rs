//! Chatty in one process, and the operator's commands.

mod accounts;
mod backup;
mod control;
mod data_folder;
mod dead_letters;
mod demo;
mod doctor;
mod mail;
mod operation;
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

use crate::operation::Operation;

/// Gives the 19 MiB of each password hash back at once, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A social network: one process with nothing to install, or five services on Postgres and RabbitMQ.
///
/// Commands use the *_DATABASE_URL variables and AMQP_URL when they are set, else the data folder CHATTY_DATA_DIR.
#[derive(Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = after_help()
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The variables of the operator's commands.
const DATABASES: [Variable; 6] = [
    ("AMQP_URL", "for commands on five services: their RabbitMQ"),
    ("AUTH_DATABASE_URL", "and the database of auth"),
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
    #[command(flatten)]
    Operation(Operation),
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
    let common = VARIABLES.iter().filter(|(name, _)| !serve::OF_SERVICES.contains(name));
    let variables = command::explain(common.chain(&own));
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
            Command::Operation(operation) => Box::pin(control::carry_out(operation, &env)).await,
            Command::Restore(restore) => Box::pin(restore.run(&env)).await,
            Command::Openapi => output::line(suite::openapi()?).map(|()| ExitCode::SUCCESS),
        }
    });
    outcome.unwrap_or_else(|error| output::failed(&error))
}
