//! The one thing that this service tells others, see `confirm_erasure`.

mod confirm_erasure;

pub(crate) use confirm_erasure::CopiedData;
