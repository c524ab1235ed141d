//! The output of the commands: results go to standard output, progress and errors to standard error.
//!
//! A command may be carried out by the process that serves the suite, for another process that a person has started.
//! The output must then reach that other process, so commands print through the functions of this file only.

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
    /// The process for which this task carries out a command. It is not set when the command runs in its own process.
    pub(crate) static CALLER: Caller;
}

/// The process that asked for a command.
pub(crate) struct Caller {
    /// The channel that takes the command's output.
    pub(crate) output: UnboundedSender<Output>,
    /// The working folder of the process, in which relative paths begin.
    pub(crate) folder: PathBuf,
}

/// A piece of the output of a command.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    /// A line of the result.
    Line(String),
    /// The step of the work that begins now.
    Step(String),
    /// The last step has ended.
    Done,
}

/// Prints a line of the result.
///
/// # Errors
/// When nothing reads the output any more, for example because the reader of a pipe has ended.
pub(crate) fn print_line(text: impl Display) -> anyhow::Result<()> {
    // `println!` would panic when the reader of a pipe has ended.
    match CALLER.try_with(|caller| caller.output.send(Output::Line(text.to_string()))) {
        Ok(sent) => Ok(sent?),
        Err(_no_caller) => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}

/// Resolves a path that the user has typed: a relative path begins in the user's working folder.
pub(crate) fn resolve_path(path: &Path) -> PathBuf {
    CALLER.try_with(|caller| caller.folder.join(path)).unwrap_or_else(|_no_caller| path.to_owned())
}

/// Prints the error that ended the command. Returns the exit code of a failure.
pub(crate) fn print_failure(error: &anyhow::Error) -> ExitCode {
    // If standard error is closed, the exit code still tells that the command failed.
    let _closed = writeln!(std::io::stderr(), "chatty: {error:#}");
    ExitCode::FAILURE
}

/// The progress of a command, which is displayed until this value is dropped.
pub(crate) enum Progress {
    /// A spinner, on a terminal.
    Spinner(ProgressBar),
    /// One line per step, when standard error is not a terminal.
    Lines,
    /// Messages to the process in which the user typed the command, over the control socket. That process displays them
    /// as a spinner or as lines.
    Forwarded(UnboundedSender<Output>),
}

impl Progress {
    /// Begins to display the progress of a command, with its first step.
    pub(crate) fn start(step: impl Display) -> Self {
        let progress = match CALLER.try_with(|caller| caller.output.clone()) {
            Ok(caller) => Self::Forwarded(caller),
            Err(_no_caller) if std::io::stderr().is_terminal() => {
                let spinner = ProgressBar::new_spinner();
                spinner.enable_steady_tick(Duration::from_millis(100));
                Self::Spinner(spinner)
            }
            Err(_no_caller) => Self::Lines,
        };
        progress.step(step);
        progress
    }

    /// Displays the step that begins now.
    pub(crate) fn step(&self, step: impl Display) {
        match self {
            Self::Spinner(spinner) => spinner.set_message(step.to_string()),
            Self::Lines => {
                let _closed = writeln!(std::io::stderr(), "{step}");
            }
            Self::Forwarded(caller) => {
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
            Self::Forwarded(caller) => {
                let _gone = caller.send(Output::Done);
            }
        }
    }
}
