//! Authentication of requests by bearer tokens (RFC 6750), which every service does by itself.
//!
//! An access token is a JWT that only the auth service can sign. A service verifies its signature by the public keys of
//! auth, and then checks what it knows about the account, because a token is valid until it expires, and a block has to
//! end its use earlier.

mod accounts;
mod claims;
mod extract;
mod keys;
mod token;

pub use accounts::{Account, AccountRow, Accounts};
pub use claims::{AUDIENCE, Claims, ISSUER, Role, TOKEN_TYPE};
pub use extract::{AdminUser, Auth, CurrentUser};
pub use keys::Keys;
pub use token::verify;

/// A JSON Web Key Set without keys, with which no token is valid.
pub fn no_keys() -> jsonwebtoken::jwk::JwkSet {
    jsonwebtoken::jwk::JwkSet { keys: Vec::new() }
}
