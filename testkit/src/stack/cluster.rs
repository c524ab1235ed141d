//! What can be asked and done where the broker has several nodes, or Postgres a standby.

use anyhow::{Context, Result, ensure};

use super::{BROKERS, Stack};
use crate::servers::postgres::{self, STANDBY};

/// How a node of the broker is called among nodes.
const NODE_NAME: &str = "RABBITMQ_NODENAME";

impl Stack {
    /// The part that is the leader of a queue.
    pub async fn leader(&self, queue: &str) -> Result<&'static str> {
        let alive = BROKERS.into_iter().find(|part| self.is_alive(part)).context("no broker is alive")?;
        let answer = self.rabbitmqctl(alive, &["-q", "list_queues", "name", "leader"]).await?;
        let leader = answer.lines().find_map(|line| line.strip_prefix(queue)?.strip_prefix('\t'));
        let leader = leader.with_context(|| format!("no queue is called {queue}"))?;
        let part = BROKERS.into_iter().find(|part| self.node_name(part).is_ok_and(|name| name == leader));
        part.with_context(|| format!("no part is the node {leader}"))
    }

    /// Kills the primary of Postgres without warning, and makes its standby the primary. The old one must not come back.
    pub async fn promote(&mut self) -> Result<()> {
        self.kill("postgres")?;
        postgres::promote(self.process(STANDBY)?.spec()).await
    }

    /// What `rabbitmqctl` answers on a node, which must be alive.
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
