//! What a later command must know about a stack: how each part was started, and where it is.

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

/// A stack as written down in `state.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) repository: PathBuf,
    pub(super) data: PathBuf,
    pub(super) addresses: Addresses,
    pub(super) parts: BTreeMap<String, Started>,
}

/// A part that was started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) spec: Spec,
    pub(super) identity: Identity,
}

/// Where everything in a stack is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// The gateway, which is what people use.
    pub gateway_url: String,
    /// The mail sink's page.
    pub mail_url: String,
    /// The broker.
    pub amqp_url: String,
    /// Postgres, as the superuser.
    pub postgres_url: String,
    /// The services by name.
    pub services: BTreeMap<String, Service>,
}

/// Where a service is, past the gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Its own port.
    pub url: String,
    /// Its database, as its own role.
    pub database_url: String,
}

impl Addresses {
    /// The shell variables of `.stack/env`.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("GATEWAY_URL".to_owned(), self.gateway_url.clone()),
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
    pub(super) fn new(plan: &Plan, data: &Path, options: &StackOptions) -> Self {
        Self {
            repository: options.repository.clone(),
            data: data.to_path_buf(),
            addresses: plan.addresses(),
            parts: BTreeMap::new(),
        }
    }

    pub(super) fn read(layout: &Layout) -> Result<Option<Self>> {
        let path = layout.state();
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let state = serde_json::from_str(&text);
        Ok(Some(state.with_context(|| format!("cannot read {}", path.display()))?))
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<()> {
        // It holds the passwords of the databases.
        machine::write_secret(&layout.state(), &serde_json::to_string_pretty(self)?)
    }

    pub(super) fn adopt(&self, name: &str) -> Option<Process> {
        let part = self.parts.get(name)?;
        Some(Process::adopt(part.spec.clone(), part.identity))
    }

    pub(super) fn running(&self) -> Vec<Process> {
        let adopted = self.parts.keys().filter_map(|name| self.adopt(name));
        adopted.filter(Process::is_alive).collect()
    }
}
