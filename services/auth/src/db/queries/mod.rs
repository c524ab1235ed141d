//! The statements, a file per table or pair of tables.

pub(crate) mod users;

pub(crate) mod sessions;

pub(crate) mod reservations;
pub(crate) mod verifications;

pub(crate) mod mail_jobs;
