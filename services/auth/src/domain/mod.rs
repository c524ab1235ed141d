//! The rules of this service that need neither HTTP nor a database.

pub(crate) mod email;
pub(crate) mod names;
pub(crate) mod password;
mod username;

pub(crate) mod audit_event;
mod ids;
pub(crate) mod joining;
pub(crate) mod key_ring;
pub(crate) mod limit;
pub(crate) mod link;
pub(crate) mod oauth;
pub(crate) mod recovery_code;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod totp;

pub(crate) mod mails;

pub(crate) use ids::{InvitationId, PasskeyId};
pub(crate) use username::Username;
