//! The tables, one file for each.

pub(crate) mod confirmations;
pub(crate) mod erased_users;
pub(crate) mod exports;
pub(crate) mod name_tokens;
pub(crate) mod receipts;
pub(crate) mod users;

pub(crate) mod refresh_tokens;
pub(crate) mod sessions;

pub(crate) mod invitations;
pub(crate) mod reservations;

pub(crate) mod links;
pub(crate) mod mail_jobs;

pub(crate) mod account_log;
pub(crate) mod signing_keys;

pub(crate) mod authorization_codes;
pub(crate) mod clients;

pub(crate) mod authenticator_apps;
pub(crate) mod challenges;
pub(crate) mod recovery_codes;

pub(crate) mod ceremonies;
pub(crate) mod passkeys;

pub(crate) mod limits;
