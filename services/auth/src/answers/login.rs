//! The answers of a login and of a refresh.

use serde::Serialize;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::credentials::TokenPair;
use crate::domain::session::ACCESS_TOKEN_LIFETIME;

/// A session's first tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoginOut {
    #[schema(example = "Login successful")]
    message: &'static str,
    /// The access token.
    token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: u64,
    /// For `/auth/refresh`, once.
    refresh_token: String,
    user_id: UserId,
    /// Present for an admin who has to turn two-factor sign-in on before these rights are granted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    two_factor_enrolment_required: bool,
}

impl From<TokenPair> for LoginOut {
    fn from(pair: TokenPair) -> Self {
        Self {
            message: "Login successful",
            token: pair.access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            refresh_token: pair.refresh_token,
            user_id: pair.user_id,
            two_factor_enrolment_required: pair.is_role_withheld,
        }
    }
}

/// A session's next tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct PairOut {
    /// The access token.
    token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: u64,
    /// For `/auth/refresh`.
    refresh_token: String,
}

impl From<TokenPair> for PairOut {
    fn from(pair: TokenPair) -> Self {
        Self {
            token: pair.access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            refresh_token: pair.refresh_token,
        }
    }
}
