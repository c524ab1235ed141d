//! A private RabbitMQ, or a cluster of several nodes, with a port mapper (epmd) of its own.
//!
//! Erlang nodes usually share one port mapper per machine, which the first of them starts and leaves running. This
//! broker has a port mapper of its own, so stopping the broker stops everything, and the machine's own broker is never
//! touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::servers::machine;
use crate::servers::process::{Ending, Probe, Process, Spec};

/// The flags of the Erlang runtime. By default Erlang's schedulers spin while they are idle, which takes processor time
/// from the other parts on a small machine.
const RUNTIME_FLAGS: &str = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}";

/// A running private broker of one node, in a folder of its own. Dropping it stops the broker and removes the folder.
#[derive(Debug)]
pub struct RabbitMq {
    plan: RabbitMqPlan,
    // Dropped in this order: the broker, its port mapper, the folder.
    broker: Process,
    _mapper: Process,
    _folder: TempDir,
}

/// The way to start the nodes of a broker and their port mapper.
#[derive(Clone, Debug)]
pub struct RabbitMqPlan {
    /// The nodes. All others join the first one when they start without data, so the first one must be ready by then.
    pub nodes: Vec<Spec>,
    /// The port mapper of all nodes, which has to start before them.
    pub mapper: Spec,
    ports: Vec<u16>,
}

impl RabbitMq {
    /// Starts a broker with one node.
    pub async fn start() -> Result<Self> {
        let folder = machine::fresh_folder("rabbitmq")?;
        let log = folder.path().join("rabbitmq.log");
        let mut plan = RabbitMqPlan::prepare(&folder.path().join("data"), &[("rabbitmq", log)])?;
        // Nobody will read the data again, so there is no need for an orderly end, which takes seconds.
        plan.nodes.iter_mut().for_each(|node| node.ending = Ending::Kill);
        plan.mapper.ending = Ending::Kill;
        let owned = Some(folder.path());
        let mapper = Process::start(plan.mapper.clone(), owned).await?;
        let broker = Process::start(plan.first()?.clone(), owned).await?;
        Ok(Self { plan, broker, _mapper: mapper, _folder: folder })
    }

    /// Returns the broker's URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.plan.url()
    }

    /// Returns the broker's process, for tests that kill it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.broker
    }

    /// Returns a command that runs `rabbitmqctl` against this broker.
    pub fn rabbitmqctl(&self) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(machine::find_rabbitmq()?.join("rabbitmqctl"));
        command.envs(&self.broker.spec().env).kill_on_drop(true);
        Ok(command)
    }
}

impl RabbitMqPlan {
    /// Writes the configuration of nodes with these names and logs into a folder that does not exist yet.
    pub fn prepare(folder: &Path, nodes: &[(&str, PathBuf)]) -> Result<Self> {
        machine::make_folder(folder, None)?;
        let home = folder.join("home");
        machine::make_folder(&home, None)?;
        // The nodes and `rabbitmqctl` trust each other by this shared secret, which Erlang refuses if others may read
        // it.
        let cookie = home.join(".erlang.cookie");
        machine::write_secret(&cookie, &machine::new_password())?;
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400))?;

        let [mapper_port] = machine::free_ports()?;
        let places: Vec<[u16; 2]> = nodes.iter().map(|_| machine::free_ports()).collect::<Result<_>>()?;
        let ports: Vec<u16> = places.iter().map(|[port, _]| *port).collect();
        let mut specs = Vec::new();
        for ((name, log), place) in nodes.iter().zip(&places) {
            // The first node must not be told of the others, or it would wait for them.
            let joins = if specs.is_empty() { &[] } else { ports.as_slice() };
            let env = environment(&folder.join(name), &home, mapper_port, *place, joins)?;
            specs.push(Spec {
                name: (*name).to_owned(),
                program: machine::find_rabbitmq()?.join("rabbitmq-server"),
                args: Vec::new(),
                env,
                folder: folder.join(name),
                log: log.clone(),
                account: None,
                probe: Probe::Amqp(place[0]),
                ending: Ending::Term,
                persistent: false,
                deadline: Duration::from_secs(120),
            });
        }
        let first = specs.first().context("a broker without nodes")?;
        let mapper = Spec {
            name: "epmd".to_owned(),
            program: machine::find_program("epmd")?,
            args: ["-address", "127.0.0.1", "-port", &mapper_port.to_string()].map(str::to_owned).to_vec(),
            probe: Probe::Port(mapper_port),
            deadline: Duration::from_secs(20),
            ..first.clone()
        };
        Ok(Self { nodes: specs, mapper, ports })
    }

    /// Returns the node that has to start first.
    pub fn first(&self) -> Result<&Spec> {
        self.nodes.first().context("a broker without nodes")
    }

    /// Returns the URLs of all nodes, separated by commas, as the services take them.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<String> =
            self.ports.iter().map(|port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f")).collect();
        urls.join(",")
    }

    /// Returns a shell script that runs `rabbitmqctl` against the first node, or against another one with `-n`.
    pub fn rabbitmqctl_script(&self) -> Result<String> {
        let program: PathBuf = machine::find_rabbitmq()?.join("rabbitmqctl");
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in &self.first()?.env {
            if name != "RUNNING_UNDER_SYSTEMD" {
                script.push_str(&format!("export {name}='{value}'\n"));
            }
        }
        script.push_str(&format!("exec '{}' \"$@\"\n", program.display()));
        Ok(script)
    }
}

/// Returns the Erlang name of the node that listens on this port.
fn node_name(port: u16) -> String {
    format!("chatty{port}@localhost")
}

/// Writes the configuration of a node into its folder, and returns the environment by which the node finds it. The two
/// ports are for clients and for other nodes; `joins` are the client ports of the nodes to join.
fn environment(
    folder: &Path,
    home: &Path,
    mapper_port: u16,
    [port, distribution]: [u16; 2],
    joins: &[u16],
) -> Result<BTreeMap<String, String>> {
    machine::make_folder(folder, None)?;
    // The heartbeat and the size of the write-ahead log are those of deploy/rabbitmq/rabbitmq.conf.
    let mut settings = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         heartbeat = 10\n\
         raft.wal_max_size_bytes = 64000000\n\
         disk_free_limit.absolute = 100MB\n\
         queue_leader_locator = balanced\n\
         cluster_partition_handling = pause_minority\n\
         log.console = true\n\
         log.console.level = info\n"
    );
    if !joins.is_empty() {
        settings.push_str("cluster_formation.peer_discovery_backend = classic_config\n");
    }
    for (index, port) in joins.iter().enumerate() {
        let name = node_name(*port);
        settings.push_str(&format!("cluster_formation.classic_config.nodes.{} = {name}\n", index + 1));
    }
    let configuration = folder.join("rabbitmq.conf");
    fs::write(&configuration, settings)?;
    let plugins = folder.join("enabled_plugins");
    fs::write(&plugins, "[].\n")?;
    // An empty file takes the place of the machine's own one in /etc/rabbitmq, which would override these variables.
    let environment = folder.join("rabbitmq-env.conf");
    fs::write(&environment, "")?;

    let text = |path: &Path| path.display().to_string();
    let env = [
        ("HOME", text(home)),
        ("LANG", "C.UTF-8".to_owned()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("RABBITMQ_NODENAME", node_name(port)),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODE_PORT", port.to_string()),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_CONF_ENV_FILE", text(&environment)),
        ("RABBITMQ_CONFIG_FILE", text(&configuration)),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", text(&folder.join("none"))),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", text(&plugins)),
        ("RABBITMQ_MNESIA_BASE", text(&folder.join("mnesia"))),
        ("RABBITMQ_LOG_BASE", text(&folder.join("log"))),
        ("RABBITMQ_LOGS", "-".to_owned()),
        ("RABBITMQ_PID_FILE", text(&folder.join("pid"))),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", RUNTIME_FLAGS.to_owned()),
        // This makes the start script replace itself by the runtime instead of becoming its parent, so that signals to
        // the started process reach the runtime.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
    ];
    Ok(env.map(|(name, value)| (name.to_owned(), value)).into())
}
