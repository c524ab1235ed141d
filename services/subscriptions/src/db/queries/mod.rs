//! The SQL statements, a file per table or per kind of answer. They read and write rows, and know nothing of HTTP or
//! events.

pub(crate) mod comments;
pub(crate) mod crowds;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod likes;
pub(crate) mod live_items;
pub(crate) mod moderation;
pub(crate) mod mutes;
pub(crate) mod notices;
pub(crate) mod notification_settings;
pub(crate) mod notifications;
pub(crate) mod personal_blocks;
pub(crate) mod posts;
pub(crate) mod subscriptions;
pub(crate) mod users;
