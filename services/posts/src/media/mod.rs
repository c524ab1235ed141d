//! Pictures outside of the database: the room that uploads may take in memory, and the store that keeps the files.

mod store;
mod uploads;

pub(crate) use store::{MediaStore, media_type};
pub(crate) use uploads::{Upload, Uploads};
