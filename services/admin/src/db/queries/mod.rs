//! Statements, a file per aggregate.

pub(crate) mod audit;
pub(crate) mod decisions;
pub(crate) mod stats;
pub(crate) mod users;
