//! `chatty doctor`, which checks everything that the suite needs, and names a fix for each problem.
//!
//! Each part of the suite has a file with its checks. A check changes nothing, and always ends: a server that does not
//! answer is a finding.

mod broker;
mod databases;
mod outside;
mod settings;

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::config::Env;
use tokio::time::timeout;

use crate::output::{self, Progress};
use crate::suite;

/// The longest time that one check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The arguments of `chatty doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Nothing is wrong.
    Ok,
    /// The part that was checked works, but may not go on working.
    Warning,
    /// The part that was checked does not work, or is not safe.
    Problem,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    /// The name of the check.
    check: String,
    level: Level,
    /// A sentence that tells the result.
    found: String,
    /// A sentence that tells the operator how to repair the cause; None when nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: impl Into<String>, found: impl Display) -> Self {
        Self { check: check.into(), level: Level::Ok, found: found.to_string(), fix: None }
    }

    fn warning(check: impl Into<String>, found: impl Display, fix: impl Into<String>) -> Self {
        Self { check: check.into(), level: Level::Warning, found: found.to_string(), fix: Some(fix.into()) }
    }

    fn problem(check: impl Into<String>, found: impl Display, fix: impl Into<String>) -> Self {
        Self { check: check.into(), level: Level::Problem, found: found.to_string(), fix: Some(fix.into()) }
    }
}

/// Runs a check, and ends it after [`CHECK_LIMIT`]. The finding is then that there was no answer.
async fn within_limit(check: &str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    timeout(CHECK_LIMIT, work).await.unwrap_or_else(|_elapsed| {
        let found = format!("no answer within {} s", CHECK_LIMIT.as_secs());
        vec![Finding::problem(check, found, "check that it runs, and that no firewall blocks the connection")]
    })
}

impl Doctor {
    /// Runs all checks and prints their findings. The exit code is 0 if there is no problem; warnings do not count.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let progress = Progress::start("checking the suite");
        let distributed = suite::is_distributed(env);
        let (mut findings, settings) = settings::check(env, distributed);
        // Every other check needs the settings to find what it checks.
        if let Some(settings) = settings {
            if !distributed {
                findings.extend(settings::check_data_folder(&settings));
            }
            findings.extend(settings::check_key(env, &settings));
            findings.extend(databases::check(env, &settings, distributed).await);
            findings.extend(within_limit("broker", broker::check(env, distributed)).await);
            findings.extend(within_limit("mail", outside::check_mail(env, &settings)).await);
            findings.extend(within_limit("gateway", outside::check_gateway(&settings, distributed)).await);
        }
        // A spinner on the terminal would overwrite the findings.
        drop(progress);
        if self.json {
            output::print_line(serde_json::to_string_pretty(&findings)?)?;
        } else {
            print_findings(&findings)?;
        }
        let problem = findings.iter().any(|finding| finding.level == Level::Problem);
        Ok(if problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Prints one line per finding, its fix below it, and the numbers of warnings and problems.
fn print_findings(findings: &[Finding]) -> anyhow::Result<()> {
    for Finding { check, level, found, fix } in findings {
        let word = match level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Problem => "PROBLEM",
        };
        output::print_line(format_args!("{word}  {check}: {found}"))?;
        if let Some(fix) = fix {
            output::print_line(format_args!("         -> {fix}"))?;
        }
    }
    let count = |wanted: Level| findings.iter().filter(|finding| finding.level == wanted).count();
    output::print_line(format_args!(
        "{} checks, {} warnings, {} problems",
        findings.len(),
        count(Level::Warning),
        count(Level::Problem)
    ))
}
