//! Pure rules: ids, ETags, pictures.

pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod image;
