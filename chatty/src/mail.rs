//! `chatty mail`: mails that auth has given up to deliver, and parked for the operator (docs/adr/0018).
//!
//! The command needs the database of auth only, so it works while the other databases are down.

use std::process::ExitCode;

use auth::parked_mails;
use clap::{Args, Subcommand};
use shared::config::Env;
use shared::work::Db;

use crate::{output, suite};

/// The commands about parked mails.
#[derive(Subcommand)]
pub(crate) enum Mail {
    /// List the parked mails, each with its number of tries and the last answer of the mail server.
    #[command(after_help = "Example:\n  chatty mail list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send mails again. Their links get a new time of validity. The running auth service sends them within seconds.
    #[command(
        after_help = "Example:\n  chatty mail redrive        all parked mails\n  chatty mail redrive 17 18  two of them"
    )]
    Redrive(Selection),
    /// Delete mails.
    #[command(after_help = "Example:\n  chatty mail drop 17")]
    Drop(Selection),
}

/// The selected parked mails.
#[derive(Args)]
pub(crate) struct Selection {
    /// The ids of the mails, as `list` prints them. Without ids: all parked mails.
    ids: Vec<i64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Mail {
    /// Carries out the command.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let db = suite::open_database(env, auth::NAME, suite::is_distributed(env)).await?;
        match self {
            Self::List { json } => list(&db, json).await?,
            Self::Redrive(selection) => redrive(&db, &selection).await?,
            Self::Drop(selection) => delete(&db, &selection).await?,
        }
        db.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(db: &Db, json: bool) -> anyhow::Result<()> {
    let mails = parked_mails::list(db).await?;
    if json {
        return output::print_line(serde_json::to_string_pretty(&mails)?);
    }
    for mail in &mails {
        let tries = format!("{} {}", mail.attempts, if mail.attempts == 1 { "try" } else { "tries" });
        output::print_line(format_args!(
            "{}  {}  {}  {}  {tries}  {}",
            mail.id, mail.created_at, mail.kind, mail.to, mail.reason
        ))?;
    }
    if mails.is_empty() { output::print_line("No parked mails.") } else { Ok(()) }
}

async fn redrive(db: &Db, selection: &Selection) -> anyhow::Result<()> {
    let done = parked_mails::redrive(db, &selection.ids).await?;
    if selection.json {
        return output::print_line(serde_json::to_string_pretty(&done)?);
    }
    output::print_line(format_args!("{} mails are sent again", done.queued.len()))?;
    if done.outdated.is_empty() {
        return Ok(());
    }
    // A mail whose link was used or replaced would lead its reader to an error, so it is left for the operator to
    // delete.
    let ids: Vec<String> = done.outdated.iter().map(ToString::to_string).collect();
    output::print_line(format_args!(
        "{} mails are not sent, because their links were used or replaced; delete them with: chatty mail drop {}",
        done.outdated.len(),
        ids.join(" ")
    ))
}

async fn delete(db: &Db, selection: &Selection) -> anyhow::Result<()> {
    let dropped = parked_mails::drop(db, &selection.ids).await?;
    if selection.json {
        return output::print_line(serde_json::json!({ "dropped": dropped }));
    }
    output::print_line(format_args!("{dropped} mails deleted"))
}
