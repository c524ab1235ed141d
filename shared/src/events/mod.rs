//! Events: envelopes, the outbox, the relay, the brokers, the consumers, resync and reconcile.
//!
//! The rules that make copies converge whatever the order, duplication or crash: the owner versions each state under the
//! row lock, writes state and event in one transaction, and every copy keeps the newest version it has seen.

pub mod envelope;
pub mod outbox;
pub mod topology;

pub mod broker;
pub mod consumer;
pub mod dead_letters;
pub mod reconcile;
pub mod relay;
pub mod resync;

pub use consumer::{ApplyError, Consumer};
pub use envelope::{Key, State};
pub use outbox::publish;
pub use resync::Source;
