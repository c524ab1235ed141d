//! The tables: decisions, reports and their cases, and the audit log, which this service owns, and copies of users,
//! posts, comments and counters.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod audit;
pub(crate) mod cases;
pub(crate) mod comments;
pub(crate) mod counts;
pub(crate) mod decisions;
pub(crate) mod posts;
pub(crate) mod reports;
pub(crate) mod users;
