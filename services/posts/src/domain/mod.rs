//! The rules of this service that need neither a server nor a database: ids, entity tags, pictures and byte ranges.

pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod image;
pub(crate) mod range;
