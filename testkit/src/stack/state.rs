//! The stored state of a stack: the description and identity of each part, and all addresses. A later command reads it
//! to restart a part or to stop the stack.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::servers::machine;
use crate::servers::process::{Identity, Process, Spec};
use crate::stack::StackOptions;
use crate::stack::layout::Layout;
use crate::stack::parts::Plan;

/// The content of `state.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) repository: PathBuf,
    /// The folder with everything that is removed when the stack stops.
    pub(super) data: PathBuf,
    pub(super) addresses: Addresses,
    /// The started parts, by name.
    pub(super) parts: BTreeMap<String, Started>,
}

/// A part that was started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) spec: Spec,
    pub(super) identity: Identity,
}

/// The addresses of a stack's parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// The URL of the gateway, which users use.
    pub gateway_url: String,
    /// The URL of the pages' own port, without the gateway.
    pub web_url: String,
    /// The URL of the mail sink's page.
    pub mail_url: String,
    /// The URLs of the broker's nodes, separated by commas.
    pub amqp_url: String,
    /// The URL of Postgres, for the superuser.
    pub postgres_url: String,
    /// The services' addresses, by name.
    pub services: BTreeMap<String, Service>,
}

/// The addresses of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// The URL of the service's own port, without the gateway.
    pub url: String,
    /// The URL of the service's database, for the service's own role.
    pub database_url: String,
}

impl Addresses {
    /// Returns the names and values of the shell variables in `.stack/env`. The operator's program reads some of them.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("GATEWAY_URL".to_owned(), self.gateway_url.clone()),
            ("WEB_URL".to_owned(), self.web_url.clone()),
            ("MAIL_URL".to_owned(), self.mail_url.clone()),
            ("AMQP_URL".to_owned(), self.amqp_url.clone()),
            ("POSTGRES_URL".to_owned(), self.postgres_url.clone()),
        ];
        for (name, service) in &self.services {
            let name = name.to_ascii_uppercase();
            variables.push((format!("{name}_URL"), service.url.clone()));
            variables.push((format!("{name}_DATABASE_URL"), service.database_url.clone()));
        }
        variables
    }
}

impl State {
    /// Returns the state of a stack without started parts.
    pub(super) fn new(plan: &Plan, data: &Path, options: &StackOptions) -> Self {
        Self {
            repository: options.repository.clone(),
            data: data.to_path_buf(),
            addresses: plan.addresses(),
            parts: BTreeMap::new(),
        }
    }

    /// Reads the state of the stack in a folder; `None` if there is no stack.
    pub(super) fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.state();
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let state = serde_json::from_str(&text);
        // A file of another version must not be taken for "no stack", or its processes would run on for ever.
        Ok(Some(state.with_context(|| format!("cannot read {}", path.display()))?))
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        // The addresses contain the passwords of the databases.
        machine::write_secret(&layout.state(), &serde_json::to_string_pretty(self)?)
    }

    /// Adopts the process of a part, dead or alive. Returns None if no such part was started.
    pub(super) fn adopt(&self, name: &str) -> Option<Process> {
        let part = self.parts.get(name)?;
        Some(Process::adopt(part.spec.clone(), part.identity))
    }

    /// Adopts the processes of all parts that still run.
    pub(super) fn running(&self) -> Vec<Process> {
        let adopted = self.parts.keys().filter_map(|name| self.adopt(name));
        adopted.filter(Process::is_alive).collect()
    }
}
