//! Events: how a committed change reaches the copies that other services keep, and how these copies are checked and
//! repaired.
//!
//! docs/convergence.md states the rules R1 to R16 by which copies converge although messages are reordered, duplicated
//! or cut off by a crash; docs/events.md follows one message on its way. In short: the owner of an aggregate assigns
//! its version under the row lock (R2), the state and its event are stored by one transaction (R4), and every copy
//! keeps the highest version that it has seen (R5). Events wait for the broker in [`crate::outbox`], which this module
//! builds on.

// Names: streams, their owners and consumers, queues and exchanges.
pub mod topology;

// Transport: from the outbox to the broker, and from the broker to consumers.
pub mod broker;
pub mod dead_letters;
mod pace;
pub mod relay;

// Consuming: states are applied to a copy, and the lag of the copy is measured.
pub mod apply_error;
pub mod consumer;
pub mod context;
pub mod gauges;
pub mod progress;
mod projection;
mod runner;

// The streams of a service, in lists that do not depend on the type of a state.
pub mod any_consumer;
mod id_columns;
pub mod source;
mod streams;

// Replicas of one service: each merges the states that the others have applied.
pub mod follow;
pub mod replicas;

// Requests from a copy to its owner: for everything, or for single states.
pub mod fills;
pub mod request;
pub mod resync;

// Comparison of copies with their owners: all the time, by an operator's command, and after a backup was put back.
pub mod comparison;
pub mod reconcile;
pub mod restore;

pub use crate::outbox::{Key, OwnMemory, PublishError, Readers, State};
pub use crate::work::{publish, remember};
pub use apply_error::ApplyError;
pub use consumer::{Consumer, Memory, StoredCopy};
pub use projection::{Projection, ProjectionRow, load_pages};
pub use source::{Recovery, Source};
pub use streams::Streams;
