//! Pure rules: what a decision can be about.

pub(crate) mod target;
