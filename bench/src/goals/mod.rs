//! The goals of docs/performance.md, numbered as there, with a file for each subject.

/// Events from one service to the next: P12, P13, P14.
pub(crate) mod events;
/// First pages of feeds: P7.
pub(crate) mod feed;
/// Logins and password hashes: P19, P20.
pub(crate) mod login;
/// Memory at rest and after use: P21.
pub(crate) mod memory;
/// More requests than can be answered: P23, and the tests of the prototype.
pub(crate) mod overload;
/// Reads: P1 to P6.
pub(crate) mod reads;
/// Recommendations: P15 to P18.
pub(crate) mod recommend;
/// Searches among a million people and a million posts: P28.
pub(crate) mod search;
/// The time from the start of a service until it is ready: P22.
pub(crate) mod start;
/// Open streams of events: P27.
pub(crate) mod streams;
/// Durable writes: P8 to P11, P24.
pub(crate) mod writes;
