//! Pure rules of this service: ids, entity tags, pictures and byte ranges. Nothing here knows HTTP or a database.

pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod image;
pub(crate) mod range;
