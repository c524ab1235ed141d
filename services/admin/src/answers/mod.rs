//! The bodies of this service's responses.

mod accounts;
mod audit;
mod case;
mod decided;
mod judged;
mod report;
mod stats;

pub(crate) use accounts::AccountList;
pub(crate) use audit::EntryList;
pub(crate) use case::{
    CaseDecided, CaseDetail, CaseList, CaseOut, CaseParts, CaseReport, CasesDecided, ReasonCount, kind_of,
};
pub(crate) use decided::Decided;
pub(crate) use judged::{Judged, JudgedComments, JudgedPosts};
pub(crate) use report::ReportReceived;
pub(crate) use stats::StatsOut;
