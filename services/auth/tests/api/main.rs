//! Auth's routes, mails and events, through the real router.

mod people;

mod accounts;
mod login;
mod mails;
mod moderation;
mod oauth;
mod refresh;
mod register;
mod smtp;
mod tokens;
mod users;
