//! The system under test: the suite in one of its two forms, behind one interface, so that a run need not know which
//! form it tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rand::rngs::StdRng;
use reqwest::Client;
use serde_json::Value;
use shared::services::SERVICE_NAMES;
use tokio::process::Command;

use super::check::{self, find_waiting};
use super::client::Api;
use super::embedded::Suite;
use super::faults::{Fault, Scene};
use super::workload::World;
use super::{Form, Plan};
use crate::stack::{Stack, StackOptions};

/// The setting for the period in which copies are compared with their owners: 2 s instead of 60, so that a run need not
/// wait long for copies that heal by that comparison.
pub(super) const COMPARE_SECONDS: (&str, &str) = ("COMPARE_SECONDS", "2");
/// The warning in Postgres' log for a BEGIN on a connection that already has an open transaction. It means that a
/// connection went back to its pool in the middle of a transaction.
const NESTED_TRANSACTION: &str = "there is already a transaction in progress";

/// The running suite.
pub(super) enum System {
    /// Five services with Postgres and RabbitMQ.
    Distributed(Box<Stack>),
    /// One process on SQLite files.
    Embedded(Box<Suite>),
}

impl System {
    /// Starts the suite in the form that the plan asks for, and waits until it is ready.
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        Ok(match plan.form {
            Form::Distributed => {
                // A proxy stands in front of one server, so a stack with several nodes or a standby has none.
                let proxied = plan.stack.brokers == 1 && !plan.stack.standby;
                let mut options = StackOptions { proxied, ..plan.stack.clone() };
                options.service_env.push((COMPARE_SECONDS.0.to_owned(), COMPARE_SECONDS.1.to_owned()));
                Self::Distributed(Box::new(Stack::start(&options).await?))
            }
            Form::Embedded => Self::Embedded(Box::new(Suite::start(plan).await?)),
        })
    }

    /// Returns a client of the API at the address that users use.
    pub(super) fn api(&self) -> Result<Api> {
        match self {
            Self::Distributed(stack) => {
                let addresses = stack.addresses();
                Api::new(&addresses.gateway_url, &addresses.mail_url)
            }
            Self::Embedded(suite) => suite.api(),
        }
    }

    /// Injects a fault, and ends it.
    pub(super) async fn inject(
        &mut self,
        fault: Fault,
        world: &Arc<World>,
        rng: &mut StdRng,
        bin_dir: &Path,
    ) -> Result<()> {
        match self {
            Self::Distributed(stack) => fault.inject(&mut Scene { stack, world, rng, bin_dir }).await,
            Self::Embedded(suite) => suite.inject(fault, world, rng).await,
        }
    }

    /// Takes the anomalies that faults of the embedded form have found while they were injected.
    pub(super) fn take_anomalies(&mut self) -> Vec<check::Anomaly> {
        match self {
            Self::Distributed(_) => Vec::new(),
            Self::Embedded(suite) => std::mem::take(&mut suite.anomalies),
        }
    }

    /// Returns whether every service says that it is ready, with nothing degraded.
    pub(super) async fn is_ready(&self) -> bool {
        let urls: Vec<String> = match self {
            Self::Distributed(stack) => {
                let services = &stack.addresses().services;
                // The services are asked directly, because the gateway does not serve `/readyz`.
                SERVICE_NAMES.iter().filter_map(|name| services.get(*name)).map(|service| service.url.clone()).collect()
            }
            Self::Embedded(suite) => vec![suite.url()],
        };
        are_ready(&urls).await
    }

    /// Returns the faults of this form that this machine does not allow, each with the reason.
    pub(super) async fn impossible(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Distributed(stack) => {
                stack.small_disk().err().map(|reason| ("F15", format!("{reason:#}"))).into_iter().collect()
            }
            Self::Embedded(suite) => suite.impossible().await,
        }
    }

    /// Searches the log of Postgres for the warning that it must never contain. Returns a complaint if it is there. The
    /// embedded form has no such log.
    pub(super) fn check_logs(&self) -> Result<Vec<String>> {
        let Self::Distributed(stack) = self else { return Ok(Vec::new()) };
        let log = fs::read(stack.folder().join("logs/postgres.log"))?;
        let nested = String::from_utf8_lossy(&log).lines().filter(|line| line.contains(NESTED_TRANSACTION)).count();
        let complaint = format!("Postgres' log says {nested} times: {NESTED_TRANSACTION}");
        Ok((nested > 0).then_some(complaint).into_iter().collect())
    }

    /// Returns a command of the operator's program `chatty`, with the addresses of this suite in its environment.
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

    /// Waits until every copy equals its owner, every outbox is empty, and no message waits.
    pub(super) async fn await_quiet(&self, bin_dir: &Path) -> Result<()> {
        match self {
            Self::Distributed(stack) => {
                check::await_quiet(self.operator(bin_dir), async || find_waiting(stack).await).await
            }
            Self::Embedded(suite) => suite.await_quiet().await,
        }
    }

    /// Copies the logs into `folder`. The system's own folder is removed when it stops.
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

    /// Stops all processes and removes the data.
    pub(super) fn stop(self) -> Result<()> {
        match self {
            Self::Distributed(stack) => stack.stop(),
            // Dropping the suite stops the process and removes the folder.
            Self::Embedded(_) => Ok(()),
        }
    }
}

/// Returns whether the services at all of these URLs say that they are ready, with nothing degraded.
pub(super) async fn are_ready(urls: &[String]) -> bool {
    for url in urls {
        if !read_readiness(url).await.is_ok_and(|readiness| readiness["status"] == "ready") {
            return false;
        }
    }
    true
}

/// Returns the document of `/readyz` at a URL, whatever the status of the answer.
pub(super) async fn read_readiness(url: &str) -> Result<Value> {
    // A new client is created each time: a connection that was opened before a fault would say nothing about new ones.
    let client = Client::builder().no_proxy().timeout(std::time::Duration::from_secs(5)).build()?;
    Ok(client.get(format!("{url}/readyz")).send().await?.json().await?)
}
