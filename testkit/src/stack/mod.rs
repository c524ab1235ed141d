//! The stack: Chatty's distributed form on this machine, with real servers on free ports.
//!
//! A private stack ends with the process that has started it. A detached one (`make stack`) survives that process and
//! is described in `.stack`, so that later commands can restart its parts or stop it.

mod cluster;
mod layout;
mod parts;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::servers::disk::SmallDisk;
use crate::servers::machine::fresh_folder;
use crate::servers::nginx::copy_description;
use crate::servers::process::{Process, Spec};
use crate::servers::proxy::Proxy;
use layout::Layout;
pub use layout::find_repository;
pub use parts::{BROKERS, part_names};
use parts::{MAPPER, Plan, Standby};
pub use state::{Addresses, Service};
use state::{Started, State};

/// The size of the disk under databases and pictures, in MiB. It is large enough for a run of faults, and small enough
/// to be filled in a moment.
const SMALL_DISK: u64 = 256;

/// The parameters of a stack.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The folder of the repository, with `nginx.conf` and `openapi.json`.
    pub repository: PathBuf,
    /// The folder of the programs of the five services and of the pages.
    pub bin_dir: PathBuf,
    /// The `testkit` program, which is started as the mail sink.
    pub testkit: PathBuf,
    /// Further environment variables of all five services and of the pages. They override the stack's own.
    pub service_env: Vec<(String, String)>,
    /// If true, the services reach Postgres and the broker through proxies, and databases and pictures lie on a small
    /// disk where this process may mount one. This is not possible with a cluster or a standby.
    pub proxied: bool,
    /// The number of nodes of the broker, 1 to 3.
    pub brokers: usize,
    /// If true, Postgres has a synchronous standby, which every commit waits for.
    pub standby: bool,
    /// The number of replicas of posts and of subscriptions behind the gateway. The second replica of posts is the part
    /// `posts-2`.
    pub replicas: usize,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    layout: Layout,
    state: State,
    // Dropped in this order: the processes end before their disk and their folder are removed.
    running: Vec<Process>,
    proxies: BTreeMap<&'static str, Proxy>,
    disk: Option<SmallDisk>,
    /// The folder of the data; None in a detached stack, whose folder survives this process.
    folder: Option<TempDir>,
}

impl Stack {
    /// Starts a stack in a private folder. The stack ends when the returned value is dropped, and also if this process
    /// dies.
    pub async fn start(options: &StackOptions) -> Result<Self> {
        let folder = fresh_folder("stack")?;
        let layout = Layout::new(folder.path().join("stack"));
        Self::bring_up(options, layout, folder).await
    }

    /// Starts a stack that survives this process, and describes it in `.stack` of the repository.
    ///
    /// # Errors
    /// If such a stack is up already, or if a part does not start; then all parts are stopped again.
    pub async fn start_detached(options: &StackOptions) -> Result<Self> {
        let layout = Layout::new(options.repository.join(".stack"));
        if let Some(old) = State::read(&layout)? {
            let alive = old.running();
            if !alive.is_empty() {
                let names: Vec<&str> = alive.iter().map(|p| p.spec().name.as_str()).collect();
                bail!("a stack is up already ({}); `make stack-down` stops it", names.join(", "));
            }
            // No part is alive, for example after a restart of the machine: only files are left.
            layout.clear(Some(&old.data))?;
        }
        let folder = fresh_folder("stack")?;
        let mut stack = Self::bring_up(options, layout, folder).await?;
        stack.running.iter().for_each(Process::detach);
        // From now on the folder belongs to the stack, so it must not be removed when this process ends.
        stack.folder.take().map(TempDir::keep);
        Ok(stack)
    }

    /// Opens the detached stack of a repository. Returns None if the repository has none.
    pub fn open(repository: &Path) -> Result<Option<Self>> {
        let layout = Layout::new(repository.join(".stack"));
        let Some(state) = State::read(&layout)? else {
            return Ok(None);
        };
        let running = state.running();
        Ok(Some(Self { layout, state, running, proxies: BTreeMap::new(), disk: None, folder: None }))
    }

    /// Prepares and starts a stack in a folder. After an error everything is stopped, and the logs stay.
    async fn bring_up(options: &StackOptions, layout: Layout, folder: TempDir) -> Result<Self> {
        let plan = Plan::prepare(options, &layout, folder.path())?;
        layout.create(folder.path())?;
        let mut stack = Self {
            layout,
            state: State::new(&plan, folder.path(), options),
            running: Vec::new(),
            proxies: BTreeMap::new(),
            disk: None,
            folder: Some(folder),
        };
        if let Err(error) = stack.start_all(&plan, options).await {
            stack.stop_processes();
            stack.layout.clear(None)?;
            return Err(error);
        }
        Ok(stack)
    }

    /// Starts all parts, each as soon as the parts that it needs are ready.
    async fn start_all(&mut self, plan: &Plan, options: &StackOptions) -> Result<()> {
        let (postgres, mapper) = tokio::try_join!(
            Process::start(plan.postgres.clone(), self.data_to_remove()),
            Process::start(plan.mapper.clone(), self.data_to_remove()),
        )?;
        self.add(postgres)?;
        self.add(mapper)?;
        let mail = Process::start(plan.mail.clone(), self.data_to_remove()).await?;
        self.add(mail)?;
        // All nodes start before the services, because a quorum queue gets its members from the nodes that are there
        // when the services declare it. They start one after the other, since they join the first one.
        for node in &plan.brokers {
            let node = Process::start(node.clone(), self.data_to_remove()).await?;
            self.add(node)?;
        }
        if let Some(Standby { data, port, log }) = &plan.standby {
            let spec = plan.database.prepare_standby(data, *port, log.clone()).await?;
            let standby = Process::start(spec, self.data_to_remove()).await?;
            self.add(standby)?;
            plan.database.wait_for_standby().await?;
        }
        if options.proxied {
            // Without the right to mount, the stack has no such disk; the fault that needs it asks `small_disk`.
            self.disk = SmallDisk::mount(&plan.disk(), SMALL_DISK).ok();
        }
        plan.create_databases(&mut self.state, self.disk.as_ref()).await?;
        if options.proxied {
            for (name, port) in plan.proxied_ports()? {
                self.proxies.insert(name, Proxy::start(port).await?);
            }
        }
        let services = plan.services(&self.state, options, &self.proxies)?;
        // All services start at once and become ready in their own order: the others need auth's keys.
        let count = services.len();
        let mut starting = Vec::new();
        for spec in services {
            starting.push(Process::spawn(spec, self.data_to_remove())?);
        }
        for process in starting {
            self.add(process)?;
        }
        for process in self.running.iter().rev().take(count).rev() {
            process.wait_until_ready().await?;
        }
        let pages = Process::start(plan.pages(options), self.data_to_remove()).await?;
        self.add(pages)?;
        let gateway = Process::start(plan.nginx.clone(), self.data_to_remove()).await?;
        self.add(gateway)?;
        self.layout.write_env(&self.state.addresses)?;
        self.layout.write_script("rabbitmqctl", &plan.rabbitmqctl)
    }

    /// Stops a part if it is still alive, starts it on the same port and data, and waits until it is ready.
    pub async fn restart(&mut self, name: &str) -> Result<()> {
        let spec = self.spec(name)?;
        // A node cannot start without the port mapper, which may have ended with another node.
        if BROKERS.contains(&name) && !self.is_alive(MAPPER) {
            let mapper = self.spec(MAPPER)?;
            self.replace(mapper).await?;
        }
        if name == "nginx" {
            // The API's description may have changed since.
            copy_description(&self.state.repository, &spec.folder)?;
        }
        self.replace(spec).await
    }

    /// Restarts a part with further environment variables, and waits until it is ready. The next restart is without
    /// them.
    pub async fn restart_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        let spec = self.spec(name)?;
        self.replace(with_env(&spec, env)).await?;
        self.set_spec(name, spec);
        Ok(())
    }

    /// Restarts a part with further environment variables, without waiting until it is ready. This is meant for a part
    /// that may die before it is ready. The next restart is without the variables.
    pub fn spawn_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        let spec = self.spec(name)?;
        self.remove(name);
        let process = Process::spawn(with_env(&spec, env), self.data_to_remove())?;
        self.add(process)?;
        self.set_spec(name, spec);
        Ok(())
    }

    /// Sets the description from which the next restart of a part starts.
    fn set_spec(&mut self, name: &str, spec: Spec) {
        if let Some(part) = self.state.parts.get_mut(name) {
            part.spec = spec;
        }
    }

    /// Stops the part that this description names, and starts it anew. In a detached stack the new process is detached,
    /// too.
    async fn replace(&mut self, spec: Spec) -> Result<()> {
        self.remove(&spec.name);
        let process = Process::start(spec, self.data_to_remove()).await?;
        if self.folder.is_none() {
            process.detach();
        }
        self.add(process)
    }

    /// Stops a part, with all processes of its group.
    fn remove(&mut self, name: &str) {
        // A dead process is stopped as well: other processes of its group may have survived a SIGKILL.
        if let Some(old) = self.state.adopt(name) {
            old.stop();
        }
        self.running.retain(|process| {
            let same = process.spec().name == name;
            if same {
                process.stop();
            }
            !same
        });
    }

    /// Kills a part without warning (SIGKILL). Other processes of its group are killed by its restart.
    pub fn kill(&self, name: &str) -> Result<()> {
        self.process(name)?.signal(Signal::SIGKILL)
    }

    /// Sends a signal to a part.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        self.process(name)?.signal(signal)
    }

    /// Returns the exit status of a part, if it has ended and this process has started it, and None otherwise.
    #[must_use]
    pub fn exit_status(&self, name: &str) -> Option<ExitStatus> {
        self.process(name).ok()?.exit_status()
    }

    /// Returns the process id of a part.
    pub fn pid(&self, name: &str) -> Result<i32> {
        Ok(self.process(name)?.identity().pid)
    }

    /// Returns the proxy in front of `postgres` or `rabbitmq`.
    ///
    /// # Errors
    /// If the stack was started without proxies.
    pub fn proxy(&self, name: &str) -> Result<&Proxy> {
        self.proxies.get(name).with_context(|| format!("{name} has no proxy in this stack"))
    }

    /// Returns the small disk with the databases and the pictures.
    ///
    /// # Errors
    /// If the stack has none, because it was started without proxies or this process may not mount.
    pub fn small_disk(&self) -> Result<&SmallDisk> {
        self.disk.as_ref().context("this stack has no disk of its own: mounting one takes root")
    }

    /// Returns whether a part runs.
    #[must_use]
    pub fn is_alive(&self, name: &str) -> bool {
        self.process(name).is_ok_and(Process::is_alive)
    }

    /// Returns the addresses of all parts.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.state.addresses
    }

    /// Returns the folder with the logs, the `rabbitmqctl` script, and a link to the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.layout.root()
    }

    /// Stops everything and removes the data. The logs of a detached stack stay.
    pub fn stop(mut self) -> Result<()> {
        self.stop_processes();
        self.disk = None;
        self.layout.clear(Some(&self.state.data))
    }

    /// Stops all processes, each of them before those that it needs. Further replicas, which stand in no group of the
    /// order, stop when they are dropped.
    fn stop_processes(&mut self) {
        let mut running = std::mem::take(&mut self.running);
        for group in parts::STOP_ORDER {
            let (members, others): (Vec<_>, Vec<_>) =
                running.into_iter().partition(|process| group.contains(&process.spec().name.as_str()));
            running = others;
            // All are asked before one is waited for, so that they stop side by side.
            members.iter().for_each(Process::ask_to_stop);
            members.iter().for_each(Process::stop);
        }
    }

    /// Adds a started process to the stack, and stores its identity at once, so that a later command can stop it even
    /// if this one dies.
    fn add(&mut self, process: Process) -> Result<()> {
        let name = process.spec().name.clone();
        self.layout.write_pid(&name, process.identity().pid)?;
        self.state.parts.insert(name, Started { spec: process.spec().clone(), identity: process.identity() });
        self.running.push(process);
        self.state.write(&self.layout)
    }

    fn spec(&self, name: &str) -> Result<Spec> {
        let part = self.state.parts.get(name);
        Ok(part.with_context(|| format!("this stack has no part called {name}"))?.spec.clone())
    }

    fn process(&self, name: &str) -> Result<&Process> {
        self.running.iter().find(|process| process.spec().name == name).with_context(|| format!("{name} does not run"))
    }

    /// Returns the folder that the watchdogs remove if this process dies before it has stopped the stack.
    fn data_to_remove(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }
}

/// Returns a description with further environment variables.
fn with_env(spec: &Spec, env: &[(&str, &str)]) -> Spec {
    let mut changed = spec.clone();
    changed.env.extend(env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    changed
}

impl Drop for Stack {
    /// Stops a private stack in order, the gateway first. A detached one goes on.
    fn drop(&mut self) {
        if self.folder.is_some() {
            self.stop_processes();
        }
    }
}
