//! Pure rules: ids.

pub(crate) mod ids;
