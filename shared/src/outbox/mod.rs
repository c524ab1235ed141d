//! The transactional outbox: an event is stored by the transaction of its change, and leaves for the broker after the
//! commit.
//!
//! This pattern needs no transaction across database and broker (rule R4 in docs/convergence.md). This module knows the
//! form of an event and the places where it waits: the table, and in memory the queue to the relay. [`crate::work`]
//! stores events, [`crate::events`] sends them.

pub mod envelope;
mod position;
mod state;

pub mod own_memory;
mod permit;
mod queue;
pub(crate) mod recent;
pub mod table;

pub use own_memory::OwnMemory;
pub use permit::Withheld;
pub(crate) use position::Position;
pub(crate) use queue::StateCounts;
pub use queue::{Outbox, PublishError};
pub(crate) use state::check;
pub use state::{Key, Readers, State};
pub use table::{Migration, OutboxMessage};
