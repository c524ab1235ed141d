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
    /// Turn two-factor sign-in off for a person who has lost the authenticator app, the passkeys and all recovery codes,
    /// and end all sessions of this person.
    #[command(after_help = "Example:\n  chatty admin reset-two-factor --username olga")]
    ResetTwoFactor {
        /// The username of the person.
        #[arg(long)]
        username: String,
    },
}

impl Admin {
    /// Asks for the password of a new administrator on a terminal, or reads the first line of standard input. The other
    /// commands need no password, so the text is empty.
    pub(crate) fn ask_for_password(&self) -> anyhow::Result<String> {
        if !matches!(self, Self::Create { .. }) {
            return Ok(String::new());
        }
        if std::io::stdin().is_terminal() {
            return Ok(rpassword::prompt_password("Password: ")?);
        }
        let line = std::io::stdin().lock().lines().next().context("no password on standard input")??;
        // Only the end of the line is removed, because a password may begin or end with spaces.
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Carries the command out in auth's database.
    pub(crate) async fn run(self, env: &Env, password: SecretString) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        let db = &operator.service(auth::NAME)?.db;
        let done = match &self {
            Self::Create { username } => {
                auth::create_admin(db, username, &password).await?;
                format!("Administrator {username} created.")
            }
            Self::ResetTwoFactor { username } if auth::reset_two_factor(db, username).await? => {
                format!("Two-factor sign-in is off for {username}, and all sessions have ended.")
            }
            Self::ResetTwoFactor { username } => format!("Two-factor sign-in was off for {username}; nothing changed."),
        };
        operator.close().await;
        output::print_line(format_args!("{done}"))?;
        Ok(ExitCode::SUCCESS)
    }
}
