//! The statements, one file for each table or group of tables.

pub(crate) mod digests;
pub(crate) mod erased_users;
pub(crate) mod erasure;
pub(crate) mod exports;
pub(crate) mod name_parts;
pub(crate) mod name_tokens;
pub(crate) mod own_data;
pub(crate) mod receipts;
pub(crate) mod users;

pub(crate) mod sessions;

pub(crate) mod invitations;
pub(crate) mod reservations;

pub(crate) mod links;
pub(crate) mod mail_jobs;

pub(crate) mod account_log;
pub(crate) mod clients;
pub(crate) mod signing_keys;

pub(crate) mod factors;
pub(crate) mod limits;
pub(crate) mod passkeys;
