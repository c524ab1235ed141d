//! The rows.

pub(crate) mod mail_job;
pub(crate) mod refresh_token;
pub(crate) mod reservation;
pub(crate) mod session;
pub(crate) mod user;
pub(crate) mod verification;
