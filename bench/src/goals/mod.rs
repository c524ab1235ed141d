//! The goals, a file per subject. Their numbers are those of docs/performance.md.

pub(crate) mod events;
pub(crate) mod feed;
pub(crate) mod login;
pub(crate) mod memory;
pub(crate) mod overload;
pub(crate) mod reads;
pub(crate) mod recommend;
pub(crate) mod start;
pub(crate) mod writes;
