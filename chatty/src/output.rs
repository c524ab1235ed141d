//! What the commands print: results on standard output, progress and complaints on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task_local;

task_local! {
    /// For whom a command is carried out, when that is another process.
    pub(crate) static CALLER: Caller;
}

/// The process that asked for a command.
pub(crate) struct Caller {
    /// Takes what the command prints.
    pub(crate) output: UnboundedSender<Output>,
    /// Its working folder.
    pub(crate) folder: PathBuf,
}

/// A piece of the output of a command.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    /// A line of the result.
    Line(String),
    /// The step that begins.
    Step(String),
    /// The end of the steps.
    Done,
}

/// Prints a line of the result.
///
/// # Errors
/// When nobody reads it any more.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    match CALLER.try_with(|caller| caller.output.send(Output::Line(text.to_string()))) {
        Ok(sent) => Ok(sent?),
        Err(_nobody) => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}

/// A path that the user named: it begins in the user's working folder.
pub(crate) fn named(path: &Path) -> PathBuf {
    CALLER.try_with(|caller| caller.folder.join(path)).unwrap_or_else(|_nobody| path.to_owned())
}

/// Prints why the command failed.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    // When not even this can be written, the exit code still tells.
    let _unseen = writeln!(std::io::stderr(), "chatty: {error:#}");
    ExitCode::FAILURE
}

/// Shows that something is under way: a spinner on a terminal, plain lines elsewhere.
pub(crate) enum Progress {
    /// On a terminal.
    Spinner(ProgressBar),
    /// Elsewhere.
    Lines,
    /// To another process.
    Told(UnboundedSender<Output>),
}

impl Progress {
    /// Starts with a first step.
    pub(crate) fn start(step: impl Display) -> Self {
        let progress = match CALLER.try_with(|caller| caller.output.clone()) {
            Ok(caller) => Self::Told(caller),
            Err(_nobody) if std::io::stderr().is_terminal() => {
                let spinner = ProgressBar::new_spinner();
                spinner.enable_steady_tick(Duration::from_millis(100));
                Self::Spinner(spinner)
            }
            Err(_nobody) => Self::Lines,
        };
        progress.step(step);
        progress
    }

    /// Says what is being done now.
    pub(crate) fn step(&self, step: impl Display) {
        match self {
            Self::Spinner(spinner) => spinner.set_message(step.to_string()),
            Self::Lines => {
                let _unseen = writeln!(std::io::stderr(), "{step}");
            }
            Self::Told(caller) => {
                let _gone = caller.send(Output::Step(step.to_string()));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match self {
            Self::Spinner(spinner) => spinner.finish_and_clear(),
            Self::Lines => {}
            Self::Told(caller) => {
                let _gone = caller.send(Output::Done);
            }
        }
    }
}
