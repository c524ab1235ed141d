//! The handlers, one file for each resource. They parse, call an action or a query, and answer.

pub(crate) mod applicants;
pub(crate) mod invitations;
pub(crate) mod register;
pub(crate) mod verify;

pub(crate) mod email;
pub(crate) mod login;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod sessions;
pub(crate) mod token;
pub(crate) mod two_factor;

pub(crate) mod authorize;
pub(crate) mod clients;

pub(crate) mod account_log;
pub(crate) mod erasures;
pub(crate) mod exports;
pub(crate) mod me;
pub(crate) mod users;

pub(crate) mod jwks;

pub(crate) mod dev_mail;
pub(crate) mod digest;
pub(crate) mod links;
pub(crate) mod mails;

mod accept;
mod html;
mod me_extract;
mod not_stored;
mod oauth_form;
