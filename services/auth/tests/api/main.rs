//! Auth's routes, mails and events, through the real router.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod authenticator;
mod blocks;
mod people;

mod account_log;
mod accounts;
mod clients;
mod commits;
mod digests;
mod emails;
mod erasure;
mod exports;
mod factors;
mod joining;
mod keyboards;
mod keys;
mod limits;
mod links;
mod login;
mod mailboxes;
mod mails;
mod moderation;
mod oauth;
mod owners;
mod parked;
mod passkeys;
mod passwords;
mod program;
mod refresh;
mod register;
mod rights;
mod sessions;
mod smtp;
mod storms;
mod strangers;
mod text;
mod tokens;
mod users;
