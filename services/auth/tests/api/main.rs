//! Auth's routes, mails and events, through the real router.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod people;

mod accounts;
mod commits;
mod keyboards;
mod login;
mod mailboxes;
mod mails;
mod moderation;
mod oauth;
mod parked;
mod program;
mod refresh;
mod register;
mod rights;
mod smtp;
mod text;
mod tokens;
mod users;
