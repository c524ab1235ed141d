//! The writes of this service: one transaction each.

mod decide;
mod erase_person;
mod export_person;

pub(crate) use decide::decide;
pub(crate) use erase_person::PersonalDecisions;
pub(crate) use export_person::ExportedDecisions;
