//! The rules of this service that need neither a server nor a database: ids, entity tags, pictures, byte ranges and threads.

pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod image;
pub(crate) mod range;
pub(crate) mod threads;
