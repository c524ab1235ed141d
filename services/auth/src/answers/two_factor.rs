//! The answers about second factors.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use super::PasskeyOut;

/// One's own second factors.
#[derive(Serialize, ToSchema)]
pub(crate) struct TwoFactorOut {
    /// True when a login with the password asks for a second factor.
    pub(crate) enabled: bool,
    pub(crate) enabled_at: Option<Timestamp>,
    /// Since when the authenticator app is a factor; null without one.
    pub(crate) app_since: Option<Timestamp>,
    /// The number of recovery codes that were not used.
    pub(crate) recovery_codes_left: u64,
    /// The passkeys, oldest first.
    pub(crate) passkeys: Vec<PasskeyOut>,
}

/// The secret of an authenticator app, in the two forms that apps take.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppOut {
    /// The secret in Base32, for typing.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub(crate) secret: String,
    /// The content of the QR code.
    #[schema(
        example = "otpauth://totp/chatty.example:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=chatty.example"
    )]
    pub(crate) uri: String,
}

/// Recovery codes, which are shown once. The list is empty when a factor was added to others: the earlier codes stay.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodesOut {
    /// Each replaces a code of the app once.
    #[schema(example = json!(["k5ht-qz2m-7wca-b4xe"]))]
    recovery_codes: Vec<String>,
}

impl From<Vec<SecretString>> for RecoveryCodesOut {
    fn from(codes: Vec<SecretString>) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect() }
    }
}
