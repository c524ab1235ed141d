//! Named statements, a file per table or view of the data. They read and write rows and know no rule of HTTP or events.

pub(crate) mod feed;
pub(crate) mod subscriptions;
pub(crate) mod users;
