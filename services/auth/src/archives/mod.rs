//! The archives of people's data: zip files in a folder that the replicas of this service share, as they share the key
//! file.

mod folder;
mod writer;

pub(crate) use folder::Archives;
pub(crate) use writer::{ArchiveError, ArchiveWriter};
