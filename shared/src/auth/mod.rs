//! Who is asking: verification of access tokens. Only the auth service can sign them.

mod accounts;
mod extract;
mod keys;
mod token;

pub use accounts::{Account, AccountRow, Accounts};
pub use extract::{AdminUser, Auth, CurrentUser};
pub use keys::Keys;
pub use token::{AUDIENCE, Claims, ISSUER, Role, TOKEN_TYPE, verify};

/// A set without keys: no token is valid.
pub fn no_keys() -> jsonwebtoken::jwk::JwkSet {
    jsonwebtoken::jwk::JwkSet { keys: Vec::new() }
}
