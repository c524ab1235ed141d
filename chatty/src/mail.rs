//! `chatty mail`: mails that were not delivered.

use std::process::ExitCode;

use auth::parked_mails;
use clap::{Args, Subcommand};
use shared::config::Env;
use shared::db::Db;

use crate::{output, suite};

/// Commands about mails that were given up.
#[derive(Subcommand)]
pub(crate) enum Mail {
    /// List them.
    #[command(after_help = "Example:\n  chatty mail list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send them again, with links that are valid anew. The running auth takes them within seconds.
    #[command(
        after_help = "Example:\n  chatty mail redrive        all of them\n  chatty mail redrive 17 18  these two"
    )]
    Redrive(Which),
    /// Throw them away.
    #[command(after_help = "Example:\n  chatty mail drop 17")]
    Drop(Which),
}

/// Parked mails.
#[derive(Args)]
pub(crate) struct Which {
    /// The mails, as `list` prints them; all of them when none is named.
    ids: Vec<i64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Mail {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let db = suite::open(env, auth::NAME, suite::is_distributed(env)).await?;
        match self {
            Self::List { json } => list(&db, json).await?,
            Self::Redrive(which) => redrive(&db, &which).await?,
            Self::Drop(which) => drop(&db, &which).await?,
        }
        db.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(db: &Db, json: bool) -> anyhow::Result<()> {
    let mails = parked_mails::list(db).await?;
    if json {
        return output::line(serde_json::to_string_pretty(&mails)?);
    }
    for mail in &mails {
        let tries = format!("{} {}", mail.attempts, if mail.attempts == 1 { "try" } else { "tries" });
        output::line(format_args!(
            "{}  {}  {}  {}  {tries}  {}",
            mail.id, mail.created_at, mail.kind, mail.to, mail.reason
        ))?;
    }
    if mails.is_empty() { output::line("No parked mails.") } else { Ok(()) }
}

async fn redrive(db: &Db, which: &Which) -> anyhow::Result<()> {
    let done = parked_mails::redrive(db, &which.ids).await?;
    if which.json {
        return output::line(serde_json::to_string_pretty(&done)?);
    }
    output::line(format_args!("{} mails are sent again", done.queued.len()))?;
    if done.outdated.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = done.outdated.iter().map(ToString::to_string).collect();
    output::line(format_args!(
        "{} mails stay, because their links were used or replaced; chatty mail drop {}",
        done.outdated.len(),
        ids.join(" ")
    ))
}

async fn drop(db: &Db, which: &Which) -> anyhow::Result<()> {
    let dropped = parked_mails::drop(db, &which.ids).await?;
    if which.json {
        return output::line(serde_json::json!({ "dropped": dropped }));
    }
    output::line(format_args!("{dropped} mails dropped"))
}
