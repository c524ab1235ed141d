//! What the commands print: results on standard output, progress and complaints on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;

/// Prints a line of the result.
///
/// # Errors
/// When nobody reads it any more.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Prints why the command failed.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    // When not even this can be written, the exit code still tells.
    let _unseen = writeln!(std::io::stderr(), "chatty: {error:#}");
    ExitCode::FAILURE
}

/// Shows that something is under way: a spinner on a terminal, plain lines elsewhere.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Starts with a first step.
    pub(crate) fn start(step: impl Display) -> Self {
        if std::io::stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner();
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner.set_message(step.to_string());
            return Self(Some(spinner));
        }
        let progress = Self(None);
        progress.step(step);
        progress
    }

    /// Says what is being done now.
    pub(crate) fn step(&self, step: impl Display) {
        match &self.0 {
            Some(spinner) => spinner.set_message(step.to_string()),
            None => {
                let _unseen = writeln!(std::io::stderr(), "{step}");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.0 {
            spinner.finish_and_clear();
        }
    }
}
