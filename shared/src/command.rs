//! The command line of a service's program: `--help`, `--version` and the command `healthcheck`.
//!
//! All settings are environment variables, so there are no other flags, and `--help` lists the variables.

use clap::Command;

use crate::config::{VARIABLES, Variable};

/// The only subcommand: it asks a running instance whether it is ready. Without a subcommand the program serves
/// requests.
const HEALTHCHECK: &str = "healthcheck";

/// Reads the command line of the service `name`. Returns true if it asks for the health of a running instance. `own`
/// lists the variables that only this service reads, for `--help`.
///
/// `--help`, `--version` and unknown arguments end the process here: with the exit code 0 or, for unknown arguments, 2.
pub(crate) fn asks_for_health(name: &'static str, own: &[Variable]) -> bool {
    command_line(name, own).get_matches().subcommand_name() == Some(HEALTHCHECK)
}

fn command_line(name: &'static str, own: &[Variable]) -> Command {
    Command::new(name)
        // The version of this crate is that of all crates in the workspace.
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("The service `{name}` of Chatty. Without a command it serves until SIGTERM or Ctrl-C."))
        .after_help(describe_variables(VARIABLES.iter().chain(own)))
        .subcommand(Command::new(HEALTHCHECK).about("Ask the instance on this machine whether it is ready"))
}

/// Builds the section of `--help` that lists environment variables with their meanings, one per line.
pub fn describe_variables<'a>(variables: impl IntoIterator<Item = &'a Variable>) -> String {
    let variables: Vec<_> = variables.into_iter().collect();
    let width = variables.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let mut text = "Environment variables (.env.example explains each of them):".to_owned();
    for (name, meaning) in variables {
        text.push_str(&format!("\n  {name:<width$}{meaning}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_arguments_are_refused_and_help_names_the_variables() {
        let read =
            |arguments: &[&str]| command_line("posts", &[("MEDIA_URL", "pictures")]).try_get_matches_from(arguments);
        assert!(read(&["posts"]).unwrap().subcommand_name().is_none());
        assert_eq!(read(&["posts", "healthcheck"]).unwrap().subcommand_name(), Some(HEALTHCHECK));
        for unknown in [&["posts", "serve"][..], &["posts", "--port", "1"], &["posts", "healthcheck", "now"]] {
            assert!(read(unknown).unwrap_err().to_string().contains("error: "), "{unknown:?}");
        }
        let help = read(&["posts", "--help"]).unwrap_err().to_string();
        assert!(["DATABASE_URL", "MEDIA_URL", "healthcheck"].iter().all(|word| help.contains(word)), "{help}");
        assert!(read(&["posts", "--version"]).unwrap_err().to_string().starts_with("posts 0."));
    }
}
