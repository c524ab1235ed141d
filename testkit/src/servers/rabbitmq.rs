//! A private RabbitMQ with a port mapper (epmd) of its own, so that stopping it stops everything and the
//! machine's own broker is never touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::servers::machine;
use crate::servers::process::{Ending, Probe, Process, Spec};

/// The Erlang runtime spins while it is idle; on a small machine that time belongs to the others.
const RUNTIME_FLAGS: &str = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}";

/// A broker of its owner alone, in a folder that goes when it is dropped.
#[derive(Debug)]
pub struct RabbitMq {
    plan: RabbitMqPlan,
    // Dropped in this order: the broker, its port mapper, the folder.
    broker: Process,
    _mapper: Process,
    _folder: TempDir,
}

/// How to start a broker and its port mapper, which goes first.
#[derive(Clone, Debug)]
pub struct RabbitMqPlan {
    /// The broker.
    pub broker: Spec,
    /// Its port mapper.
    pub mapper: Spec,
    port: u16,
}

impl RabbitMq {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let folder = machine::fresh_folder("rabbitmq")?;
        let log = folder.path().join("rabbitmq.log");
        let mut plan = RabbitMqPlan::prepare(&folder.path().join("data"), &log)?;
        plan.broker.ending = Ending::Kill;
        plan.mapper.ending = Ending::Kill;
        let owned = Some(folder.path());
        let mapper = Process::start(plan.mapper.clone(), owned).await?;
        let broker = Process::start(plan.broker.clone(), owned).await?;
        Ok(Self { plan, broker, _mapper: mapper, _folder: folder })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.plan.url()
    }

    /// The broker's process, for tests that kill it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.broker
    }

    /// A command that runs `rabbitmqctl` against this broker.
    pub fn rabbitmqctl(&self) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::new(machine::find_rabbitmq()?.join("rabbitmqctl"));
        command.envs(&self.plan.broker.env).kill_on_drop(true);
        Ok(command)
    }
}

impl RabbitMqPlan {
    /// Writes the configuration into a folder that does not exist yet.
    pub fn prepare(folder: &Path, log: &Path) -> Result<Self> {
        let programs = machine::find_rabbitmq()?;
        let [port, distribution, mapper_port] = machine::free_ports()?;
        machine::make_folder(folder, None)?;
        let home = folder.join("home");
        machine::make_folder(&home, None)?;
        let cookie = home.join(".erlang.cookie");
        machine::write_secret(&cookie, &machine::new_password())?;
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400))?;

        let configuration = folder.join("rabbitmq.conf");
        fs::write(
            &configuration,
            format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\n\
                 heartbeat = 10\n\
                 raft.wal_max_size_bytes = 64000000\n\
                 disk_free_limit.absolute = 100MB\n\
                 log.console = true\n\
                 log.console.level = info\n"
            ),
        )?;
        let plugins = folder.join("enabled_plugins");
        fs::write(&plugins, "[].\n")?;
        // Stands in for the machine's file of the same purpose in /etc/rabbitmq.
        let environment = folder.join("rabbitmq-env.conf");
        fs::write(&environment, "")?;

        let text = |path: &Path| path.display().to_string();
        let env: BTreeMap<String, String> = [
            ("HOME", text(&home)),
            ("LANG", "C.UTF-8".to_owned()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_EPMD_PORT", mapper_port.to_string()),
            ("RABBITMQ_NODENAME", format!("chatty{port}@localhost")),
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
            // Makes the start script become the runtime instead of its parent, so that the process started
            // here is the one to signal.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();

        let broker = Spec {
            name: "rabbitmq".to_owned(),
            program: programs.join("rabbitmq-server"),
            args: Vec::new(),
            env: env.clone(),
            folder: folder.to_path_buf(),
            log: log.to_path_buf(),
            account: None,
            probe: Probe::Amqp(port),
            ending: Ending::Term,
            persistent: false,
            deadline: Duration::from_secs(120),
        };
        let mapper = Spec {
            name: "epmd".to_owned(),
            program: machine::find_program("epmd")?,
            args: ["-address", "127.0.0.1", "-port", &mapper_port.to_string()].map(str::to_owned).to_vec(),
            probe: Probe::Port(mapper_port),
            deadline: Duration::from_secs(20),
            ..broker.clone()
        };
        Ok(Self { broker, mapper, port })
    }

    /// The broker's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// A script that runs `rabbitmqctl` against this broker.
    pub fn rabbitmqctl_script(&self) -> Result<String> {
        let program: PathBuf = machine::find_rabbitmq()?.join("rabbitmqctl");
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in &self.broker.env {
            if name != "RUNNING_UNDER_SYSTEMD" {
                script.push_str(&format!("export {name}='{value}'\n"));
            }
        }
        script.push_str(&format!("exec '{}' \"$@\"\n", program.display()));
        Ok(script)
    }
}
