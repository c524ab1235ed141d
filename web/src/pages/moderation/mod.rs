//! The desk of the moderators: a file for each page. The API decides who may see it.

pub(crate) mod audit;
pub(crate) mod numbers;
pub(crate) mod people;
pub(crate) mod removed;
pub(crate) mod reports;
