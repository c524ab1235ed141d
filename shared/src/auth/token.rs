//! The verification of an access token: its signature, its type and its claims.
//!
//! The only algorithm is EdDSA (RFC 8037), and every claim except `sid` is required and typed, so that no token can
//! choose a weaker check.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Validation};
use serde::de::DeserializeOwned;

use super::claims::{AUDIENCE, Claims, EXPORT_AUDIENCE, EXPORT_TOKEN_TYPE, ExportClaims, ISSUER, TOKEN_TYPE};
use super::keys::Keys;
use crate::clock::Clock;
use crate::error::ApiError;
use crate::ids::UserId;

/// The tolerated difference between this machine's clock and that of auth, in seconds.
const LEEWAY: i64 = 30;
/// The longest accepted token in bytes. A longer one is refused before it is parsed.
const MAX_LENGTH: usize = 2_048;

/// Verifies an access token and returns its claims. The checks cover the signature by one of `keys`, the type, the
/// issuer, the audience, the subject, and the validity at the time of `clock`.
///
/// A token that was verified once is remembered by its digest, because checking a signature costs several times as much
/// as the rest of a request that reads from memory. The times of a remembered token are still checked for each request.
///
/// # Errors
/// 401 for an invalid token, with the same sentence for every reason; 503 `keys_unavailable` while no key is known.
pub async fn verify(keys: &Keys, clock: &Clock, token: &str) -> Result<Arc<Claims>, ApiError> {
    if token.len() > MAX_LENGTH {
        return Err(invalid("too long"));
    }
    let digest = keys.digest(token);
    let claims = match keys.verified().get(&digest) {
        Some(claims) => claims,
        None => {
            let claims: Claims = decode(keys, token, TOKEN_TYPE).await?;
            if claims.iss != ISSUER || claims.aud != AUDIENCE || claims.user_id().is_none() {
                return Err(invalid("wrong iss, aud or sub"));
            }
            let claims = Arc::new(claims);
            keys.verified().insert(digest, Arc::clone(&claims));
            claims
        }
    };
    check_times(claims.exp, claims.nbf, clock)?;
    Ok(claims)
}

/// Verifies a token for an export in the same way, and returns the person whose data it opens.
///
/// # Errors
/// As [`verify`].
pub(super) async fn verify_export(keys: &Keys, clock: &Clock, token: &str) -> Result<UserId, ApiError> {
    if token.len() > MAX_LENGTH {
        return Err(invalid("too long"));
    }
    let claims: ExportClaims = decode(keys, token, EXPORT_TOKEN_TYPE).await?;
    if claims.iss != ISSUER || claims.aud != EXPORT_AUDIENCE {
        return Err(invalid("wrong iss or aud"));
    }
    check_times(claims.exp, claims.nbf, clock)?;
    claims.user_id().ok_or_else(|| invalid("wrong sub"))
}

fn check_times(exp: i64, nbf: i64, clock: &Clock) -> Result<(), ApiError> {
    let now = clock.now().unix_seconds();
    if exp + LEEWAY < now || nbf - LEEWAY > now { Err(invalid("expired or not valid yet")) } else { Ok(()) }
}

/// Returns the one error for every invalid token. `cause` goes to the log only.
fn invalid(cause: &str) -> ApiError {
    ApiError::unauthorized("The access token is not valid").caused_by(cause)
}

/// Checks the signature and the type, and returns the claims.
async fn decode<C: DeserializeOwned>(keys: &Keys, token: &str, token_type: &str) -> Result<C, ApiError> {
    // Nothing in the header is trusted yet: it may only select one of our keys.
    let header = jsonwebtoken::decode_header(token).map_err(|error| invalid(&error.to_string()))?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(token_type) {
        return Err(invalid("wrong alg or typ"));
    }
    let key = keys.find(header.kid.as_deref().unwrap_or_default()).await?.ok_or_else(|| invalid("unknown kid"))?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // The library checks times by the system's clock instead of `clock`, and checks claims only when they are well
    // formed. The typed checks of the callers cover both without a gap.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = jsonwebtoken::decode(token, &key, &validation).map_err(|error| invalid(&error.to_string()))?;
    Ok(decoded.claims)
}
