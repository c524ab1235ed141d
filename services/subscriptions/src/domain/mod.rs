//! Pure rules: ids, timelines.

pub(crate) mod ids;
mod timelines;

pub(crate) use timelines::{Slot, Timelines};
