//! The operator's commands on the databases.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use shared::config::Env;

use crate::{accounts, backup, dead_letters, doctor, mail, reconcile};

/// A command on the databases.
#[derive(Subcommand)]
pub(crate) enum Operation {
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
}

/// An operation as it is typed.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Typed {
    #[command(subcommand)]
    operation: Operation,
}

impl Operation {
    /// The operation that was typed, without the program's name.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        Ok(Typed::try_parse_from(words)?.operation)
    }

    /// Asks for what is not typed where everybody sees it.
    pub(crate) fn secret(&self) -> anyhow::Result<String> {
        match self {
            Self::Admin(_) => accounts::Admin::password(),
            _ => Ok(String::new()),
        }
    }

    /// Does it.
    pub(crate) async fn run(self, env: &Env, secret: String) -> anyhow::Result<ExitCode> {
        match self {
            Self::Admin(admin) => admin.run(env, SecretString::from(secret)).await,
            Self::Reconcile(reconcile) => reconcile.run(env).await,
            Self::Rebuild(rebuild) => rebuild.run(env).await,
            Self::DeadLetters(command) => command.run(env).await,
            Self::Mail(command) => command.run(env).await,
            Self::Doctor(doctor) => Box::pin(doctor.run(env)).await,
            Self::Backup(backup) => backup.run(env).await,
        }
    }
}
