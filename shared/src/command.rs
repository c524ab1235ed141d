//! The command line of a service's program.

use clap::Command;

use crate::config::{VARIABLES, Variable};

/// The only command beside serving.
const HEALTHCHECK: &str = "healthcheck";

/// Reads the command line of a service: whether it asks for the health of a running instance. `--help`, `--version` and
/// what is not known end the process here.
pub(crate) fn asks_for_health(name: &'static str, own: &[Variable]) -> bool {
    service(name, own).get_matches().subcommand_name() == Some(HEALTHCHECK)
}

fn service(name: &'static str, own: &[Variable]) -> Command {
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(format!("The service `{name}` of Chatty. Without a command it serves until a signal."))
        .after_help(explain(VARIABLES.iter().chain(own)))
        .subcommand(Command::new(HEALTHCHECK).about("Ask the instance on this machine whether it is ready"))
}

/// The part of `--help` about environment variables.
pub fn explain<'a>(variables: impl IntoIterator<Item = &'a Variable>) -> String {
    let variables: Vec<_> = variables.into_iter().collect();
    let width = variables.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let mut text = "Environment variables (.env.example has more about each):".to_owned();
    for (name, meaning) in variables {
        text.push_str(&format!("\n  {name:<width$}{meaning}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_and_help_names_the_variables() {
        let read = |arguments: &[&str]| service("posts", &[("MEDIA_URL", "pictures")]).try_get_matches_from(arguments);
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
