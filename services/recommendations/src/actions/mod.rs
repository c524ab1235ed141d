//! What this service does for a person who leaves or asks for an export.

mod confirm_erasure;
mod export_person;

pub(crate) use confirm_erasure::CopiedData;
pub(crate) use export_person::ExportedLikes;
