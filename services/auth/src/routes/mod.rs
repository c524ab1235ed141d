//! The handlers, a file per resource.

pub(crate) mod register;
pub(crate) mod verify;

pub(crate) mod login;
pub(crate) mod sessions;
pub(crate) mod token;

pub(crate) mod me;
pub(crate) mod users;

pub(crate) mod jwks;

pub(crate) mod dev_mail;
pub(crate) mod mails;

mod accept;
mod html;

use axum::http::header::{CACHE_CONTROL, PRAGMA};
use serde::Serialize;
use utoipa::ToSchema;

/// Headers of answers that hold tokens.
const NOT_STORED: [(axum::http::HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];

/// An answer that is one sentence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageOut {
    /// What happened, for people.
    message: String,
}

impl MessageOut {
    fn new(message: impl Into<String>) -> axum::Json<Self> {
        axum::Json(Self { message: message.into() })
    }
}
