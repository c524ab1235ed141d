//! The stack: the distributed form on this machine, with every server real and every port free.

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
pub use parts::{BROKERS, PARTS, SERVICES};
use parts::{MAPPER, Plan, Standby};
pub use state::{Addresses, Service};
use state::{Started, State};

/// The size of the disk that can be filled, in MiB.
const SMALL_DISK: u64 = 256;

/// What a stack is made of.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The repository: `nginx.conf` and `openapi.json`.
    pub repository: PathBuf,
    /// Where the five services' programs lie.
    pub bin_dir: PathBuf,
    /// The `testkit` program, which is the mail sink.
    pub testkit: PathBuf,
    /// More environment variables for all five services, which win over the stack's own.
    pub service_env: Vec<(String, String)>,
    /// Whether the services reach Postgres and the broker through proxies that can misbehave, and their data lies on a disk
    /// that can be filled. Not with a cluster or a standby.
    pub proxied: bool,
    /// How many nodes the broker has: one or three.
    pub brokers: usize,
    /// Whether Postgres has a standby, whose disk every commit waits for.
    pub standby: bool,
    /// How many replicas posts and subscriptions have, behind the gateway. The others are parts such as `posts-2`.
    pub replicas: usize,
}

/// A stack that runs.
#[derive(Debug)]
pub struct Stack {
    layout: Layout,
    state: State,
    // Dropped in this order: the processes end before their folder goes.
    running: Vec<Process>,
    proxies: BTreeMap<&'static str, Proxy>,
    disk: Option<SmallDisk>,
    folder: Option<TempDir>,
}

impl Stack {
    /// Starts a stack in a private folder. It ends when it is dropped, or with this process, however hard.
    pub async fn start(options: &StackOptions) -> Result<Self> {
        let folder = fresh_folder("stack")?;
        let layout = Layout::new(folder.path().join("stack"));
        Self::bring_up(options, layout, folder).await
    }

    /// Starts a stack that survives this process and is described in `.stack` of the repository.
    pub async fn start_detached(options: &StackOptions) -> Result<Self> {
        let layout = Layout::new(options.repository.join(".stack"));
        if let Some(old) = State::read(&layout)? {
            let alive = old.running();
            if !alive.is_empty() {
                let names: Vec<&str> = alive.iter().map(|p| p.spec().name.as_str()).collect();
                bail!("a stack is up already ({}); `make stack-down` stops it", names.join(", "));
            }
            layout.clear(Some(&old.data))?;
        }
        let folder = fresh_folder("stack")?;
        let mut stack = Self::bring_up(options, layout, folder).await?;
        stack.running.iter().for_each(Process::detach);
        // From now on the folder belongs to the stack, not to this process.
        stack.folder.take().map(TempDir::keep);
        Ok(stack)
    }

    /// Takes up the detached stack of a repository, when there is one.
    pub fn open(repository: &Path) -> Result<Option<Self>> {
        let layout = Layout::new(repository.join(".stack"));
        let Some(state) = State::read(&layout)? else {
            return Ok(None);
        };
        let running = state.running();
        Ok(Some(Self { layout, state, running, proxies: BTreeMap::new(), disk: None, folder: None }))
    }

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

    async fn start_all(&mut self, plan: &Plan, options: &StackOptions) -> Result<()> {
        let (postgres, mapper) = tokio::try_join!(
            Process::start(plan.postgres.clone(), self.data_to_remove()),
            Process::start(plan.mapper.clone(), self.data_to_remove()),
        )?;
        self.add(postgres)?;
        self.add(mapper)?;
        let mail = Process::start(plan.mail.clone(), self.data_to_remove()).await?;
        self.add(mail)?;
        // Complete before the services come: a queue has members on the nodes that are there when it is declared.
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
            // Whoever may not mount does without.
            self.disk = SmallDisk::mount(&plan.disk(), SMALL_DISK).ok();
        }
        plan.create_databases(&mut self.state, self.disk.as_ref()).await?;
        if options.proxied {
            for (name, port) in plan.proxied_ports()? {
                self.proxies.insert(name, Proxy::start(port).await?);
            }
        }
        let services = plan.services(&self.state, options, &self.proxies)?;
        // All at once: auth is not ready without its database, the others not without auth's keys.
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
        let gateway = Process::start(plan.nginx.clone(), self.data_to_remove()).await?;
        self.add(gateway)?;
        self.layout.write_env(&self.state.addresses)?;
        self.layout.write_script("rabbitmqctl", &plan.rabbitmqctl)
    }

    /// Stops a part if it is still alive, starts it on the same port and data, and waits until it is ready.
    pub async fn restart(&mut self, name: &str) -> Result<()> {
        let spec = self.spec(name)?;
        if BROKERS.contains(&name) && !self.is_alive(MAPPER) {
            let mapper = self.spec(MAPPER)?;
            self.replace(mapper).await?;
        }
        if name == "nginx" {
            copy_description(&self.state.repository, &spec.folder)?;
        }
        self.replace(spec).await
    }

    /// Restarts a part with more environment variables, which the next restart forgets.
    pub async fn restart_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        let spec = self.spec(name)?;
        self.replace(with(&spec, env)).await?;
        self.remember(name, spec);
        Ok(())
    }

    /// Does the same with a part that will not live long enough to be waited for.
    pub fn spawn_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        let spec = self.spec(name)?;
        self.remove(name);
        let process = Process::spawn(with(&spec, env), self.data_to_remove())?;
        self.add(process)?;
        self.remember(name, spec);
        Ok(())
    }

    fn remember(&mut self, name: &str, spec: Spec) {
        if let Some(part) = self.state.parts.get_mut(name) {
            part.spec = spec;
        }
    }

    async fn replace(&mut self, spec: Spec) -> Result<()> {
        self.remove(&spec.name);
        let process = Process::start(spec, self.data_to_remove()).await?;
        if self.folder.is_none() {
            process.detach();
        }
        self.add(process)
    }

    fn remove(&mut self, name: &str) {
        // What is left of a part that was killed hard must go too, so a dead process is stopped as well.
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

    /// Kills a part without warning (SIGKILL), and whatever it started.
    pub fn kill(&self, name: &str) -> Result<()> {
        self.process(name)?.signal(Signal::SIGKILL)
    }

    /// Sends a part a signal.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        self.process(name)?.signal(signal)
    }

    /// How a part ended that this process started.
    #[must_use]
    pub fn exit_status(&self, name: &str) -> Option<ExitStatus> {
        self.process(name).ok()?.exit_status()
    }

    /// The process number of a part.
    pub fn pid(&self, name: &str) -> Result<i32> {
        Ok(self.process(name)?.identity().pid)
    }

    /// The proxy in front of `postgres` or `rabbitmq`, in a stack that has them.
    pub fn proxy(&self, name: &str) -> Result<&Proxy> {
        self.proxies.get(name).with_context(|| format!("{name} has no proxy in this stack"))
    }

    /// The disk with the databases and the pictures, in a stack that has one of its own.
    pub fn small_disk(&self) -> Result<&SmallDisk> {
        self.disk.as_ref().context("this stack has no disk of its own: mounting one takes root")
    }

    /// Whether a part runs.
    #[must_use]
    pub fn is_alive(&self, name: &str) -> bool {
        self.process(name).is_ok_and(Process::is_alive)
    }

    /// Where everything is.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.state.addresses
    }

    /// Where the logs and the `rabbitmqctl` script lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.layout.root()
    }

    /// Stops everything and removes the data; the logs of a detached stack stay.
    pub fn stop(mut self) -> Result<()> {
        self.stop_processes();
        self.disk = None;
        self.layout.clear(Some(&self.state.data))
    }

    fn stop_processes(&mut self) {
        // What a part needs stops after it; what can stop together is asked together.
        let mut running = std::mem::take(&mut self.running);
        for wave in parts::STOPPING {
            let (now, later): (Vec<_>, Vec<_>) =
                running.into_iter().partition(|process| wave.contains(&process.spec().name.as_str()));
            running = later;
            now.iter().for_each(Process::ask_to_stop);
            now.iter().for_each(Process::stop);
        }
    }

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

    /// What goes when this process dies before it could stop the stack.
    fn data_to_remove(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }
}

fn with(spec: &Spec, env: &[(&str, &str)]) -> Spec {
    let mut changed = spec.clone();
    changed.env.extend(env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    changed
}

impl Drop for Stack {
    /// A detached stack goes on; an attached one stops in order, the gateway first.
    fn drop(&mut self) {
        if self.folder.is_some() {
            self.stop_processes();
        }
    }
}
