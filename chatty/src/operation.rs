//! The operator's commands that work on the databases.
//!
//! They are a type of their own because they run in two places: in the process that was started for the command, or in
//! the process that serves the suite, which holds the files of SQLite (docs/adr/0021).

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use shared::config::Env;

use crate::{accounts, backup, dead_letters, doctor, keys, mail, reconcile};

/// A command that works on the databases.
#[derive(Subcommand)]
pub(crate) enum Operation {
    /// Manage administrators.
    #[command(subcommand)]
    Admin(accounts::Admin),
    /// Compare every copy with its owner, and list the rows that differ.
    #[command(after_help = "Example:\n  chatty reconcile --now --fix")]
    Reconcile(reconcile::Reconcile),
    /// Ask the owners to send all data that a service keeps copies of, and wait until its copies agree with them.
    #[command(after_help = "Example:\n  chatty rebuild subscriptions")]
    Rebuild(reconcile::Rebuild),
    /// List messages that a service could not apply, send them again, or delete them.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// List mails that could not be delivered, send them again, or delete them.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// List the keys that sign access tokens, or ask for a new one.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Check everything that the suite needs, and name a fix for each problem.
    #[command(after_help = "Example:\n  chatty doctor --json")]
    Doctor(doctor::Doctor),
    /// Copy the data of the one-process suite into a new folder, even while the suite runs.
    #[command(after_help = "Example:\n  chatty backup /var/backups/chatty/2026-02-01")]
    Backup(backup::Backup),
}

/// The command line of an operation, without the program's name.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct CommandLine {
    #[command(subcommand)]
    operation: Operation,
}

impl Operation {
    /// Parses a command line without the program's name.
    ///
    /// # Errors
    /// When `words` are not the command line of an operation.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        Ok(CommandLine::try_parse_from(words)?.operation)
    }

    /// Asks for the secret that the operation needs: the password of a new administrator. The secret is empty for all
    /// other operations. It is no argument, because the arguments of a process are visible to every user of the
    /// machine.
    pub(crate) fn ask_for_secret(&self) -> anyhow::Result<String> {
        match self {
            Self::Admin(admin) => admin.ask_for_password(),
            _ => Ok(String::new()),
        }
    }

    /// Carries out the operation in this process. Returns the exit code of the command.
    pub(crate) async fn run(self, env: &Env, secret: String) -> anyhow::Result<ExitCode> {
        match self {
            Self::Admin(admin) => admin.run(env, SecretString::from(secret)).await,
            Self::Reconcile(reconcile) => reconcile.run(env).await,
            Self::Rebuild(rebuild) => rebuild.run(env).await,
            Self::DeadLetters(command) => command.run(env).await,
            Self::Mail(command) => command.run(env).await,
            Self::Keys(command) => command.run(env).await,
            // Boxed, because its future is much larger than the others.
            Self::Doctor(doctor) => Box::pin(doctor.run(env)).await,
            Self::Backup(backup) => backup.run(env).await,
        }
    }
}
