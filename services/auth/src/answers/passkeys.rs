//! The answers about passkeys.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use crate::db::entities::passkeys::Model;
use crate::domain::PasskeyId;

/// A passkey of one's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeyOut {
    id: PasskeyId,
    #[schema(example = "My phone")]
    name: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<Model> for PasskeyOut {
    fn from(passkey: Model) -> Self {
        let Model { id, name, created_at, last_used_at, .. } = passkey;
        Self { id: PasskeyId(id), name, created_at, last_used_at }
    }
}

/// A passkey that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPasskeyOut {
    passkey: PasskeyOut,
    /// Recovery codes, which are shown once. Empty unless the passkey is the first second factor.
    recovery_codes: Vec<String>,
}

impl NewPasskeyOut {
    pub(crate) fn new(passkey: Model, codes: &[SecretString]) -> Self {
        let recovery_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
        Self { passkey: passkey.into(), recovery_codes }
    }
}

/// The first step of a ceremony with a passkey.
#[derive(Serialize, ToSchema)]
pub(crate) struct CeremonyOut {
    /// For the second step, within five minutes and once.
    challenge: String,
    /// The argument of `navigator.credentials.create` or `get`, in the JSON form of Web Authentication, level 3.
    #[schema(value_type = Object)]
    options: Value,
}

impl CeremonyOut {
    pub(crate) fn new(challenge: &SecretString, options: Value) -> Self {
        Self { challenge: challenge.expose_secret().to_owned(), options }
    }
}

/// The options for a browser that shows a passkey as a second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct OptionsOut {
    /// The argument of `navigator.credentials.get`, in the JSON form of Web Authentication, level 3.
    #[schema(value_type = Object)]
    pub(crate) options: Value,
}
