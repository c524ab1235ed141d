//! The archives of people's data: zip files in a folder that all replicas of this service share, like the key file.

mod folder;
mod writer;

pub(crate) use folder::Archives;
pub(crate) use writer::{ArchiveError, ArchiveWriter};
