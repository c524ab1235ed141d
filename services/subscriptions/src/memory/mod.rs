//! The data that this process keeps in memory, so that a page of a feed needs no query as a rule.
//!
//! The memory follows committed states: those of posts and counters arrive through the consumers, those of
//! subscriptions through this service's own transactions. Every replica tells the others the states that it has
//! committed. Open streams hang on it too: what is committed is announced to them.

pub(crate) mod feed;
mod followed;
pub(crate) mod live;
mod live_news;
pub(crate) mod shown;
mod timelines;
