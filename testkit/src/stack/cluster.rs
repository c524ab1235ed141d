//! The methods of a stack whose broker has several nodes, or whose Postgres has a standby.

use anyhow::{Context, Result, ensure};

use super::{BROKERS, Stack};
use crate::servers::postgres::{self, STANDBY};

/// The environment variable with a broker node's Erlang name.
const NODE_NAME: &str = "RABBITMQ_NODENAME";

impl Stack {
    /// Returns the name of the part whose node leads a queue.
    ///
    /// # Errors
    /// If no node is alive, or if there is no such queue.
    pub async fn leader(&self, queue: &str) -> Result<&'static str> {
        let alive = BROKERS.into_iter().find(|part| self.is_alive(part)).context("no broker is alive")?;
        let answer = self.rabbitmqctl(alive, &["-q", "list_queues", "name", "leader"]).await?;
        let leader = answer.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
        let leader = leader.with_context(|| format!("no queue is called {queue}"))?;
        let part = BROKERS.into_iter().find(|part| self.node_name(part).is_ok_and(|name| name == leader));
        part.with_context(|| format!("no part is the node {leader}"))
    }

    /// Kills the primary of Postgres (SIGKILL), and promotes its standby. The old primary must not be started again.
    pub async fn promote(&mut self) -> Result<()> {
        self.kill("postgres")?;
        postgres::promote(self.process(STANDBY)?.spec()).await
    }

    /// Runs `rabbitmqctl` against a node, which must be alive, and returns its output.
    pub async fn rabbitmqctl(&self, node: &str, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(self.folder().join("rabbitmqctl"));
        command.args(["-n", &self.node_name(node)?]).args(arguments).kill_on_drop(true);
        let output = command.output().await?;
        ensure!(output.status.success(), "rabbitmqctl: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn node_name(&self, part: &str) -> Result<String> {
        self.spec(part)?.env.get(NODE_NAME).cloned().context("a node without a name")
    }
}
