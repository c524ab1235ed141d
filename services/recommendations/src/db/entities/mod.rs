//! The tables: copies of other services' states, tombstones included. No table has a foreign key, because states of
//! different streams arrive in any order.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod counts;
pub(crate) mod likes;
pub(crate) mod posts;
pub(crate) mod users;
