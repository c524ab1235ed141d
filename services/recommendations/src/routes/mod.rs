//! The handlers, and the shapes of their answers.

pub(crate) mod recommendations;

pub(crate) mod shapes;
