//! `chatty admin`: administrators, who cannot be created through the API.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use secrecy::SecretString;
use shared::config::Env;

use crate::output;
use crate::suite::Operator;

/// The commands about administrators.
#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Create an administrator. The password is asked for on a terminal, or else read from the first line of standard
    /// input.
    #[command(after_help = "Example:\n  chatty admin create --username olga")]
    Create {
        /// The username of the administrator.
        #[arg(long)]
        username: String,
    },
}

impl Admin {
    /// Asks for the password on a terminal, or reads the first line of standard input.
    pub(crate) fn ask_for_password() -> anyhow::Result<String> {
        if std::io::stdin().is_terminal() {
            return Ok(rpassword::prompt_password("Password: ")?);
        }
        let line = std::io::stdin().lock().lines().next().context("no password on standard input")??;
        // Only the end of the line is removed, because a password may begin or end with spaces.
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Creates the administrator in auth's database.
    pub(crate) async fn run(self, env: &Env, password: SecretString) -> anyhow::Result<ExitCode> {
        let Self::Create { username } = self;
        let operator = Operator::open(env).await?;
        let db = &operator.service(auth::NAME)?.db;
        auth::create_admin(db, &username, &password).await?;
        operator.close().await;
        output::print_line(format_args!("Administrator {username} created."))?;
        Ok(ExitCode::SUCCESS)
    }
}
