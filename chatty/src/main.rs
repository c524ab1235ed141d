//! The program `chatty`: the suite in one process, and the commands of its operator.

mod accounts;
mod backup;
mod control;
mod data_folder;
mod dead_letters;
mod demo;
mod doctor;
mod keys;
mod mail;
mod operation;
mod output;
mod parts;
mod reconcile;
mod restore;
mod serve;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use shared::config::{Env, VARIABLES, Variable};
use shared::services::SERVICES;
use shared::{command, fail_points, telemetry};

use crate::operation::Operation;
use crate::parts::PARTS;

/// The allocator of this program. It returns the 19 MiB of each password hash to the system at once, which the system's
/// own allocator would keep.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Chatty, a social network: one process that needs no other server, or five services on Postgres and RabbitMQ.
///
/// Without a command it serves the suite in one process. The other commands work on five services if the *_DATABASE_URL
/// variables and AMQP_URL are set, and on one process with the data folder CHATTY_DATA_DIR otherwise.
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

/// The variable with the URL of the broker, which the operator's commands use on the distributed form.
const BROKER: Variable = ("AMQP_URL", "commands on five services: the services' RabbitMQ");
/// The text that `--help` shows for each `*_DATABASE_URL`.
const DATABASE: &str = "commands on five services: the database of this service";

#[derive(Subcommand)]
enum Command {
    /// Serve all five services on one port (the default).
    Serve,
    /// Fill a running suite with people, posts, likes and comments, which are the same each time.
    #[command(after_help = "Example:\n  chatty demo\n  chatty demo --base http://127.0.0.1:9000")]
    Demo(demo::Demo),
    #[command(flatten)]
    Operation(Operation),
    /// Restore a backup into an empty data folder. With the *_DATABASE_URL variables: prepare databases that pg_restore
    /// has filled, so that the services can use them.
    #[command(after_help = "Example:\n  chatty restore /var/backups/chatty/2026-02-01 --verify")]
    Restore(restore::Restore),
    /// Print the description of the API (OpenAPI 3.1, JSON).
    Openapi,
}

/// Returns the end of the `--help` text: examples, and the environment variables.
fn after_help() -> String {
    let common = VARIABLES.iter().filter(|(name, _)| !serve::is_distributed_only(name));
    let own = PARTS.iter().flat_map(|part| part.variables).chain(web::VARIABLES);
    let own = own.filter(|(name, _)| !serve::is_distributed_only(name));
    let databases = SERVICES.map(|service| (service.database_variable, DATABASE));
    let variables = command::describe_variables(common.chain(own).chain([&BROKER]).chain(&databases));
    let examples = [
        "Example:",
        "  chatty                  serve on http://127.0.0.1:8080, or on the address in CHATTY_LISTEN",
        "  chatty demo             fill the running suite with people and posts",
        "  chatty reconcile --now  compare every copy with its owner",
    ];
    format!("{}\n\n{variables}", examples.join("\n"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let env = Env::of_process();
    let _armed = fail_points::arm();
    // Commands print their results themselves, so only warnings are logged. sqlx warns when a connection takes long,
    // which an operator can wait for.
    telemetry::init_logs(&env, "warn,sqlx::pool::acquire=error");
    let _reports = telemetry::init_sentry(&env);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::print_failure(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match arguments.command.unwrap_or(Command::Serve) {
            Command::Serve => Box::pin(serve::serve(&env)).await,
            Command::Demo(demo) => demo.run(&env).await,
            Command::Operation(operation) => Box::pin(control::carry_out(operation, &env)).await,
            Command::Restore(restore) => Box::pin(restore.run(&env)).await,
            Command::Openapi => output::print_line(suite::openapi()?).map(|()| ExitCode::SUCCESS),
        }
    });
    outcome.unwrap_or_else(|error| output::print_failure(&error))
}
