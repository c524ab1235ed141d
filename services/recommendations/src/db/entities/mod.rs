//! The tables: copies of other services' states, tombstones included. No table refers to another one.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod counts;
pub(crate) mod likes;
pub(crate) mod posts;
pub(crate) mod users;
