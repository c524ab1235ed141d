//! `chatty keys`: the keys that sign access tokens (docs/adr/0027).
//!
//! The command needs the database of auth only. The running auth service makes the keys, because it alone has the key
//! file.

use std::process::ExitCode;

use clap::Subcommand;
use shared::config::Env;
use shared::work::Db;

use crate::{output, suite};

/// The commands about signing keys.
#[derive(Subcommand)]
pub(crate) enum Keys {
    /// List the signing keys, from the oldest to the newest.
    #[command(after_help = "Example:\n  chatty keys list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask for a new signing key. It is published at once, used eleven minutes later, and no request is refused.
    #[command(
        after_help = "Example:\n  chatty keys rotate        once in a while\n  chatty keys rotate --now  a key was stolen"
    )]
    Rotate {
        /// Use the new key at once and end all earlier ones. People's programs get new tokens by themselves.
        #[arg(long)]
        now: bool,
    },
}

impl Keys {
    /// Carries out the command.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let db = suite::open_database(env, auth::NAME, suite::is_distributed(env)).await?;
        match self {
            Self::List { json } => list(&db, json).await?,
            Self::Rotate { now } => {
                auth::request_key(&db, now).await?;
                output::print_line(if now {
                    "The running auth service makes the key within seconds and uses it at once. All earlier keys end."
                } else {
                    "The running auth service makes the key within seconds and uses it eleven minutes later."
                })?;
            }
        }
        db.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(db: &Db, json: bool) -> anyhow::Result<()> {
    let keys = auth::list_keys(db).await?;
    if json {
        return output::print_line(serde_json::to_string_pretty(&keys)?);
    }
    for key in &keys {
        let name = match (&key.kid, key.id) {
            (_, 0) => "the key file",
            (Some(kid), _) => kid,
            (None, _) => "not made yet",
        };
        let from = key.used_from.map_or_else(String::new, |time| format!("  used from {time}"));
        output::print_line(format_args!("{:9}  {name}{from}", key.stage))?;
    }
    Ok(())
}
