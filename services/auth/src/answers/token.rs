//! The answers of the OAuth 2.0 token endpoint, with the field names of RFC 6749.

use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::TokenPair;
use crate::domain::session::ACCESS_TOKEN_LIFETIME;

/// Tokens, in OAuth's form.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenOut {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 600)]
    expires_in: u64,
    refresh_token: String,
    /// The scopes that the person has granted; absent for Chatty's own login, which may do everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "read write")]
    scope: Option<String>,
}

impl From<TokenPair> for TokenOut {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
            refresh_token: pair.refresh_token,
            scope: pair.scopes.map(|scopes| scopes.to_string()),
        }
    }
}

/// An error, in OAuth's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenError {
    /// The code.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What happened, for people.
    error_description: &'static str,
    /// With `second_factor_required`: the token for `POST /auth/login/second-factor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    challenge: Option<String>,
    /// With `second_factor_required`: the factors that the person has, of `totp`, `recovery_code` and `passkey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, required = false)]
    factors: Option<Vec<&'static str>>,
}

impl TokenError {
    pub(crate) fn new(error: &'static str, error_description: &'static str) -> Self {
        Self { error, error_description, challenge: None, factors: None }
    }

    /// Returns the error code of OAuth 2.0, such as `invalid_grant`.
    pub(crate) fn code(&self) -> &'static str {
        self.error
    }

    /// Returns the description of the error, for people.
    pub(crate) fn description(&self) -> &'static str {
        self.error_description
    }

    /// Adds the challenge with which the login continues, and the factors that the person has.
    pub(crate) fn with_challenge(self, challenge: &str, factors: Vec<&'static str>) -> Self {
        Self { challenge: Some(challenge.to_owned()), factors: Some(factors), ..self }
    }
}
