//! The handlers, and the shapes of their answers.

pub(crate) mod recommendations;

mod shapes;
