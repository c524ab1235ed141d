//! What is under test: the suite in one of its two forms.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rand::rngs::StdRng;
use reqwest::Client;
use serde_json::Value;
use tokio::process::Command;

use super::check::{self, waiting};
use super::client::Api;
use super::embedded::Suite;
use super::faults::{Fault, Scene};
use super::workload::World;
use super::{Form, Plan};
use crate::stack::{SERVICES, Stack, StackOptions};

/// How often copies are compared with their owners, so that a run need not wait long for what heals by that.
pub(super) const COMPARISON: (&str, &str) = ("COMPARE_SECONDS", "2");
/// What Postgres writes into its log when a transaction is begun in a connection that has one.
const NESTED: &str = "there is already a transaction in progress";

/// The suite, running.
pub(super) enum System {
    /// Five services with Postgres and RabbitMQ.
    Distributed(Box<Stack>),
    /// One process on SQLite files.
    Embedded(Box<Suite>),
}

impl System {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        Ok(match plan.form {
            Form::Distributed => {
                let proxied = plan.stack.brokers == 1 && !plan.stack.standby;
                let mut options = StackOptions { proxied, ..plan.stack.clone() };
                options.service_env.push((COMPARISON.0.to_owned(), COMPARISON.1.to_owned()));
                Self::Distributed(Box::new(Stack::start(&options).await?))
            }
            Form::Embedded => Self::Embedded(Box::new(Suite::start(plan).await?)),
        })
    }

    /// The API, as people see it.
    pub(super) fn api(&self) -> Result<Api> {
        match self {
            Self::Distributed(stack) => {
                let addresses = stack.addresses();
                Api::new(&addresses.gateway_url, &addresses.mail_url)
            }
            Self::Embedded(suite) => suite.api(),
        }
    }

    /// Makes a fault happen, and ends it.
    pub(super) async fn strike(
        &mut self,
        fault: Fault,
        world: &Arc<World>,
        rng: &mut StdRng,
        bin_dir: &Path,
    ) -> Result<()> {
        match self {
            Self::Distributed(stack) => fault.strike(&mut Scene { stack, world, rng, bin_dir }).await,
            Self::Embedded(suite) => suite.strike(fault, world, rng).await,
        }
    }

    /// What faults found wrong in the meantime.
    pub(super) fn found(&mut self) -> Vec<check::Fault> {
        match self {
            Self::Distributed(_) => Vec::new(),
            Self::Embedded(suite) => std::mem::take(&mut suite.found),
        }
    }

    /// Whether every service says that it is ready, with nothing degraded.
    pub(super) async fn is_green(&self) -> bool {
        let urls: Vec<String> = match self {
            Self::Distributed(stack) => {
                let services = &stack.addresses().services;
                SERVICES.iter().filter_map(|name| services.get(*name)).map(|service| service.url.clone()).collect()
            }
            Self::Embedded(suite) => vec![suite.url()],
        };
        are_ready(&urls).await
    }

    /// The faults of this form that this machine does not allow, and why.
    pub(super) async fn impossible(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Distributed(stack) => {
                stack.small_disk().err().map(|reason| ("F15", format!("{reason:#}"))).into_iter().collect()
            }
            Self::Embedded(suite) => suite.impossible().await,
        }
    }

    /// What the logs say that they should never say.
    pub(super) fn complaints(&self) -> Result<Vec<String>> {
        let Self::Distributed(stack) = self else { return Ok(Vec::new()) };
        let log = fs::read(stack.folder().join("logs/postgres.log"))?;
        let nested = String::from_utf8_lossy(&log).lines().filter(|line| line.contains(NESTED)).count();
        let complaint = format!("Postgres' log says {nested} times: {NESTED}");
        Ok((nested > 0).then_some(complaint).into_iter().collect())
    }

    /// The operator's program, which is told where the suite is.
    pub(super) fn operator(&self, bin_dir: &Path) -> Command {
        match self {
            Self::Distributed(stack) => {
                let mut chatty = Command::new(bin_dir.join("chatty"));
                chatty.envs(stack.addresses().variables());
                chatty
            }
            Self::Embedded(suite) => suite.operator(),
        }
    }

    /// Waits until every copy equals its owner, every outbox is empty and no message waits.
    pub(super) async fn quiet(&self, bin_dir: &Path) -> Result<()> {
        match self {
            Self::Distributed(stack) => check::quiet(self.operator(bin_dir), async || waiting(stack).await).await,
            Self::Embedded(suite) => suite.quiet().await,
        }
    }

    /// Copies the logs of a run that went wrong: the folder goes with the system.
    pub(super) fn keep_logs(&self, folder: &Path) -> Result<()> {
        let logs = match self {
            Self::Distributed(stack) => stack.folder().join("logs"),
            Self::Embedded(suite) => suite.logs(),
        };
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(logs)? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(())
    }

    pub(super) fn stop(self) -> Result<()> {
        match self {
            Self::Distributed(stack) => stack.stop(),
            Self::Embedded(_) => Ok(()),
        }
    }
}

/// Whether all of these say that they are ready, with nothing degraded.
pub(super) async fn are_ready(urls: &[String]) -> bool {
    for url in urls {
        if !readiness(url).await.is_ok_and(|readiness| readiness["status"] == "ready") {
            return false;
        }
    }
    true
}

/// What a service says of itself, whatever its status.
pub(super) async fn readiness(url: &str) -> Result<Value> {
    let client = Client::builder().no_proxy().timeout(std::time::Duration::from_secs(5)).build()?;
    Ok(client.get(format!("{url}/readyz")).send().await?.json().await?)
}
