//! The rules of this service that need neither HTTP nor a database: ids, notices, the numbers of live items, and the merge
//! of timelines into a feed.

pub(crate) mod ids;
pub(crate) mod live;
pub(crate) mod notices;
mod timelines;

pub(crate) use timelines::{Slot, Timelines};
