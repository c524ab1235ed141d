//! The goals, a file per subject. Their numbers are those of docs/performance.md.

pub(crate) mod feed;
pub(crate) mod memory;
pub(crate) mod reads;
pub(crate) mod writes;
