//! One process of a service: it can be killed at any await, and started again on the same database.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::db::Db;
use shared::events::broker::Broker;
use shared::events::consumer::Context;
use shared::events::{Streams, relay, resync};
use shared::lifecycle::Cancel;
use tokio::task::JoinSet;

use crate::world::{Home, streams};

/// The broker as one process has it.
pub(crate) struct Link {
    pub(crate) broker: Arc<dyn Broker>,
    /// What its connections need; when it ends, they break.
    pub(crate) wire: BoxFuture<'static, ()>,
}

pub(crate) struct Process {
    service: &'static str,
    pub(crate) db: Db,
    tasks: JoinSet<()>,
}

impl Process {
    /// A process that is not started yet.
    pub(crate) async fn new(service: &'static str, home: &Home) -> Self {
        Self { service, db: home.open(service).await, tasks: JoinSet::new() }
    }

    /// Starts the service's relay and its consumers.
    pub(crate) fn start(&mut self, link: Link) {
        self.start_with(link, streams(self.service));
    }

    /// The same with other sources and consumers.
    pub(crate) fn start_with(&mut self, link: Link, streams: Streams) {
        let Link { broker, wire } = link;
        self.tasks.spawn(wire);
        let cancel = Cancel::new();
        self.tasks.spawn(relay::run(self.db.clone(), Arc::clone(&broker), cancel.clone()));
        let context = Context::new(self.service, self.db.clone(), broker, cancel);
        self.tasks.spawn(resync::run(context.clone(), streams.sources, streams.consumers.clone()));
        for consumer in streams.consumers {
            let context = context.clone();
            self.tasks.spawn(async move { consumer.run(context).await });
        }
    }

    /// Ends all of its tasks where they are; afterwards it does nothing any more.
    pub(crate) async fn kill(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until one of its tasks panics, as a process that dies, and ends the others.
    pub(crate) async fn dies(&mut self) {
        let ended = self.tasks.join_next().await.unwrap();
        assert!(ended.is_err_and(|error| error.is_panic()), "only the consumer ends");
        self.kill().await;
    }

    /// Kills it and closes its database.
    pub(crate) async fn end(mut self) {
        self.kill().await;
        self.db.close().await;
    }
}
