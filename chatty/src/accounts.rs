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
    /// Asks for the password.
    pub(crate) fn password() -> anyhow::Result<String> {
        if std::io::stdin().is_terminal() {
            return Ok(rpassword::prompt_password("Password: ")?);
        }
        let line = std::io::stdin().lock().lines().next().context("no password on standard input")??;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    pub(crate) async fn run(self, env: &Env, password: SecretString) -> anyhow::Result<ExitCode> {
        let Self::Create { username } = self;
        let operator = Operator::open(env).await?;
        let db = &operator.service(auth::NAME)?.db;
        auth::create_admin(db, &username, &password).await?;
        operator.close().await;
        output::line(format_args!("Administrator {username} created."))?;
        Ok(ExitCode::SUCCESS)
    }
}
