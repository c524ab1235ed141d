//! The HTTP handlers.

pub(crate) mod recommendations;
