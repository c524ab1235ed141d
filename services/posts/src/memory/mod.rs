//! The memory of this process. It follows committed states: those of this service's own streams and those that a
//! consumer has applied. It can be lost at any time, since everything in it is read again from the database.

pub(crate) mod people;
pub(crate) mod ranking;
pub(crate) mod shown_posts;
