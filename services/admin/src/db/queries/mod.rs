//! Named statements, a file per table or view of the data. They read and write rows and know no rule of HTTP or events.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod decisions;
pub(crate) mod stats;
pub(crate) mod targets;
