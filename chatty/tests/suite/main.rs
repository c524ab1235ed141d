//! The suite as a process of its own, and the operator's commands while it runs and while it does not run.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod control;
mod exports;
mod files;
mod newcomer;
mod restore;
mod running;
