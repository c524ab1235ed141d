//! The rules for people's data; no web, no database.

pub(crate) mod email;
pub(crate) mod mails;
pub(crate) mod names;
pub(crate) mod password;
pub(crate) mod secret;
mod username;

pub(crate) use username::Username;
