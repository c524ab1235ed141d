//! The rules of this service that need neither HTTP nor a database: ids, and the merge of timelines into a feed.

pub(crate) mod ids;
mod timelines;

pub(crate) use timelines::{Slot, Timelines};
