//! Access tokens: EdDSA only, every claim required and typed.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::clock::Clock;
use crate::error::ApiError;
use crate::ids::UserId;

/// `iss` of every token.
pub const ISSUER: &str = "chatty-auth";
/// `aud` of every token.
pub const AUDIENCE: &str = "chatty";
/// `typ` of every token (RFC 9068).
pub const TOKEN_TYPE: &str = "at+jwt";
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 30;
/// Longer ones are refused unread.
const MAX_LENGTH: usize = 2_048;

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything but administration.
    #[default]
    User,
    /// Everything.
    Admin,
}

impl Role {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// From how it is stored; what is not known gives no rights.
    pub fn from_stored(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::User }
    }
}

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user's id, in digits.
    pub sub: String,
    /// Expiry, Unix seconds.
    pub exp: i64,
    /// Not before, Unix seconds.
    pub nbf: i64,
    /// Issued at, Unix seconds.
    pub iat: i64,
    /// The token's own id.
    pub jti: String,
    /// The username, for services that have not heard of the person yet.
    pub username: String,
    /// The role.
    pub role: Role,
    /// The session version when it was issued.
    pub sv: i64,
}

impl Claims {
    /// The user's id.
    pub fn user_id(&self) -> Option<UserId> {
        self.sub.parse().ok().filter(|id| *id > 0).map(UserId)
    }
}

/// Checks a token: signature by one of our keys, type, issuer, audience, time. A signature that was checked once is
/// remembered, since checking one costs several times as much as a whole request that reads.
///
/// # Errors
/// 401, with one sentence for every kind of bad token; 503 while no key was ever loaded.
pub async fn verify(keys: &Keys, clock: &Clock, token: &str) -> Result<Arc<Claims>, ApiError> {
    if token.len() > MAX_LENGTH {
        return Err(bad("too long"));
    }
    let seen = keys.seen(token);
    let claims = match keys.verified().get(&seen) {
        Some(claims) => claims,
        None => {
            let claims = Arc::new(decode(keys, token).await?);
            keys.verified().insert(seen, Arc::clone(&claims));
            claims
        }
    };
    let now = clock.now().unix_seconds();
    if claims.exp + LEEWAY < now || claims.nbf - LEEWAY > now {
        return Err(bad("expired or not valid yet"));
    }
    Ok(claims)
}

fn bad(cause: &str) -> ApiError {
    ApiError::unauthorized("The access token is not valid").caused_by(cause)
}

/// Checks everything but the time, which goes on.
async fn decode(keys: &Keys, token: &str) -> Result<Claims, ApiError> {
    let header = jsonwebtoken::decode_header(token).map_err(|error| bad(&error.to_string()))?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TOKEN_TYPE) {
        return Err(bad("wrong alg or typ"));
    }
    let key = keys.find(header.kid.as_deref().unwrap_or_default()).await?.ok_or_else(|| bad("unknown kid"))?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // The library checks these claims only when they are well formed, and by the system's clock; the typed checks below
    // leave no gap.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims: Claims =
        jsonwebtoken::decode(token, &key, &validation).map_err(|error| bad(&error.to_string()))?.claims;
    if claims.iss != ISSUER || claims.aud != AUDIENCE || claims.user_id().is_none() {
        return Err(bad("wrong iss, aud or sub"));
    }
    Ok(claims)
}
