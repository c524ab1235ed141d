//! The context of a service's background tasks: the service's name, its database, the broker, and the token that ends
//! the tasks.
//!
//! Consumers, resync, comparison and the watch of the schema all need the same few things, so these travel as one
//! value.

use std::sync::Arc;

use super::broker::Broker;
use super::progress::ConsumerProgress;
use super::replicas::ReplicaPublisher;
use crate::tasks::Cancel;
use crate::work::Db;

/// The context of the background tasks of one service. Clones share it.
#[derive(Clone)]
pub struct Context {
    /// The name of the service.
    pub(super) service: &'static str,
    /// The database of the service.
    pub(super) db: Db,
    /// The broker.
    pub(super) broker: Arc<dyn Broker>,
    /// The token that cancels the tasks.
    pub(super) cancel: Cancel,
    /// The progress of the service's consumers.
    pub(crate) progress: ConsumerProgress,
    /// The publisher of applied states to the other replicas of the service.
    pub(crate) replicas: ReplicaPublisher,
}

impl Context {
    /// Creates the context of `service`: consumers have made no progress yet, and the replica gets a random id.
    pub fn new(service: &'static str, db: Db, broker: Arc<dyn Broker>, cancel: Cancel) -> Self {
        let replicas = ReplicaPublisher::new(service, Arc::clone(&broker));
        Self { service, db, broker, cancel, progress: ConsumerProgress::default(), replicas }
    }

    /// Returns the name of the service.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Returns the database of the service.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Returns the broker.
    pub(crate) fn broker(&self) -> &dyn Broker {
        self.broker.as_ref()
    }

    /// Returns the token that cancels the tasks.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}
