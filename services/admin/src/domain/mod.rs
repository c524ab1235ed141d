//! Ids, and pure rules: what a decision can be about.

pub(crate) mod ids;
pub(crate) mod target;
