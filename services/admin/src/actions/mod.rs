//! The writes of this service: one transaction each.

mod decide;
mod end_blocks;
mod erase_person;
mod export_person;
mod report;
mod resolve;

pub(crate) use decide::{DecidedCondition, decide};
pub(crate) use end_blocks::run_block_ends;
pub(crate) use erase_person::PersonalDecisions;
pub(crate) use export_person::ExportedDecisions;
pub(crate) use report::report;
pub(crate) use resolve::{Chosen, Resolution, reopen, resolve};
