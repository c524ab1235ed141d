//! `chatty doctor`: looks at everything that the suite needs, and says what to do about what is wrong.

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

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// `chatty doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// All is well.
    Ok,
    /// It works, for now.
    Warning,
    /// It does not work, or is not safe.
    Problem,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    level: Level,
    found: String,
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

/// A check that always ends.
async fn in_time(check: &str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_elapsed| {
        let found = format!("no answer within {} s", PATIENCE.as_secs());
        vec![Finding::problem(check, found, "see whether it runs, and whether a firewall is between")]
    })
}

impl Doctor {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let progress = Progress::start("looking at everything");
        let distributed = suite::is_distributed(env);
        let (mut findings, settings) = settings::check(env, distributed);
        if let Some(settings) = settings {
            if !distributed {
                findings.extend(settings::check_data_folder(&settings));
            }
            findings.extend(settings::check_key(env, &settings));
            findings.extend(databases::check(env, &settings, distributed).await);
            findings.extend(in_time("broker", broker::check(env, distributed)).await);
            findings.extend(in_time("mail", outside::check_mail(env, &settings)).await);
            findings.extend(in_time("gateway", outside::check_gateway(&settings, distributed)).await);
        }
        drop(progress);
        if self.json {
            output::line(serde_json::to_string_pretty(&findings)?)?;
        } else {
            print(&findings)?;
        }
        let problem = findings.iter().any(|finding| finding.level == Level::Problem);
        Ok(if problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn print(findings: &[Finding]) -> anyhow::Result<()> {
    for Finding { check, level, found, fix } in findings {
        let word = match level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Problem => "PROBLEM",
        };
        output::line(format_args!("{word}  {check}: {found}"))?;
        if let Some(fix) = fix {
            output::line(format_args!("         -> {fix}"))?;
        }
    }
    let count = |wanted: Level| findings.iter().filter(|finding| finding.level == wanted).count();
    output::line(format_args!(
        "{} checks, {} warnings, {} problems",
        findings.len(),
        count(Level::Warning),
        count(Level::Problem)
    ))
}
