//! The tables: subscriptions, which this service owns, and copies of users, posts and their counters.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod counts;
pub(crate) mod posts;
pub(crate) mod subscriptions;
pub(crate) mod users;
