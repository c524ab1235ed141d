//! A simulated process of a service. It can be killed at any await, and started again on the same database.
//!
//! A real process would take a second to start. This one is a set of tasks, so that thousands of kills fit into a test.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::events::broker::Broker;
use shared::events::context::Context;
use shared::events::{Streams, relay, resync};
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::task::JoinSet;

use crate::world::{Databases, streams};

/// The connection of one process to the broker.
pub(crate) struct Link {
    pub(crate) broker: Arc<dyn Broker>,
    /// The task that carries the bytes. Killing it breaks the broker's connections, as the death of a process would.
    pub(crate) transport: BoxFuture<'static, ()>,
}

/// A process, running or not.
pub(crate) struct Process {
    service: &'static str,
    pub(crate) db: Db,
    tasks: JoinSet<()>,
}

impl Process {
    /// Opens the database of a process that is not started yet.
    pub(crate) async fn new(service: &'static str, databases: &Databases) -> Self {
        Self { service, db: databases.open(service).await, tasks: JoinSet::new() }
    }

    /// Starts the service's relay and its consumers.
    pub(crate) fn start(&mut self, link: Link) {
        self.start_with(link, streams(self.service));
    }

    /// Starts the process with other sources and consumers than those of its service.
    pub(crate) fn start_with(&mut self, link: Link, streams: Streams) {
        let Link { broker, transport } = link;
        self.tasks.spawn(transport);
        let cancel = Cancel::new();
        // Every service has a relay, also a copying one: its requests for resyncs leave through its outbox.
        self.tasks.spawn(relay::run(self.db.clone(), Arc::clone(&broker), cancel.clone()));
        let context = Context::new(self.service, self.db.clone(), broker, cancel);
        self.tasks.spawn(resync::run(context.clone(), streams.sources, streams.consumers.clone()));
        for consumer in streams.consumers {
            let context = context.clone();
            self.tasks.spawn(async move { consumer.run(context).await });
        }
    }

    /// Ends all tasks at the await where they are, and waits until they are gone.
    pub(crate) async fn kill(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until one of the tasks panics, which stands for the death of the process, and kills the others.
    pub(crate) async fn wait_for_crash(&mut self) {
        let ended = self.tasks.join_next().await.unwrap();
        assert!(ended.is_err_and(|error| error.is_panic()), "only the consumer ends");
        self.kill().await;
    }

    /// Kills the process and closes its database.
    pub(crate) async fn end(mut self) {
        self.kill().await;
        self.db.close().await;
    }
}
