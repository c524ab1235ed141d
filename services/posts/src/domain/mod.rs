//! Pure rules: ids, ETags, pictures, ranges of bytes.

pub(crate) mod colours;
pub(crate) mod encode;
pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod image;
pub(crate) mod jpeg;
pub(crate) mod range;
