//! `chatty admin`: administrators.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use secrecy::SecretString;
use shared::config::Env;

use crate::output;
use crate::suite::Operator;

/// Commands about administrators.
#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Create an administrator. The password is asked for, or read from the first line of standard input.
    #[command(after_help = "Example:\n  chatty admin create --username olga")]
    Create {
        /// The name to log in with.
        #[arg(long)]
        username: String,
    },
}

impl Admin {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let Self::Create { username } = self;
        let password = if std::io::stdin().is_terminal() {
            rpassword::prompt_password("Password: ")?
        } else {
            let line = std::io::stdin().lock().lines().next().context("no password on standard input")??;
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        let operator = Operator::open(env).await?;
        let db = &operator.service(auth::NAME)?.db;
        auth::create_admin(db, &username, &SecretString::from(password)).await?;
        operator.close().await;
        output::line(format_args!("Administrator {username} created."))?;
        Ok(ExitCode::SUCCESS)
    }
}
