//! The data that the process keeps in memory, in the form in which it is answered.

mod shown;

pub(crate) use shown::{ShownUsers, UserLoader};
