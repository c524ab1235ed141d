//! The rows that the process keeps in memory, in the form in which they are answered.

mod shown;

pub(crate) use shown::{ShownUsers, UserLoader};
