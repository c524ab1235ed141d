//! The bodies of this service's responses.

mod accounts;
mod audit;
mod decided;
mod stats;

pub(crate) use accounts::AccountList;
pub(crate) use audit::EntryList;
pub(crate) use decided::Decided;
pub(crate) use stats::StatsOut;
