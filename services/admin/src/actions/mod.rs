//! The writes of this service: one transaction each.

mod decide;

pub(crate) use decide::decide;
