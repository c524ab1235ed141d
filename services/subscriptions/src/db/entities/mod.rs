//! The tables: subscriptions, mutes, settings and live items, which this service owns, copies of users, posts, counters,
//! comments and likes, and the notices that are derived from these.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod comments;
pub(crate) mod counts;
pub(crate) mod likes;
pub(crate) mod live_head;
pub(crate) mod live_items;
pub(crate) mod moderated_people;
pub(crate) mod mutes;
pub(crate) mod notices;
pub(crate) mod notification_settings;
pub(crate) mod posts;
pub(crate) mod report_outcomes;
pub(crate) mod subscriptions;
pub(crate) mod users;
