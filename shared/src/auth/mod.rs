//! Authentication of requests by bearer tokens (RFC 6750), which every service does by itself.
//!
//! An access token is a JWT that only the auth service can sign. A service verifies the signature with the public keys
//! of auth, and then checks the account and the session of the token as far as it knows them: a token is valid until it
//! expires, but a block or a logout has to end its use earlier.

mod accounts;
mod claims;
pub mod ended_sessions;
mod extract;
mod keys;
pub mod personal_blocks;
mod scopes;
mod token;
mod viewer;

pub use accounts::{Account, AccountRow, Accounts};
pub use claims::{AUDIENCE, Claims, EXPORT_AUDIENCE, EXPORT_TOKEN_TYPE, ExportClaims, ISSUER, Role, TOKEN_TYPE};
pub use ended_sessions::EndedSessions;
pub use extract::{AdminUser, Auth, CurrentUser, ExportOf};
pub use keys::Keys;
pub use personal_blocks::PersonalBlocks;
pub use scopes::{SCOPES, Scopes};
pub use token::verify;
pub use viewer::Viewer;

/// Returns a JSON Web Key Set without keys, with which no token is valid.
pub fn no_keys() -> jsonwebtoken::jwk::JwkSet {
    jsonwebtoken::jwk::JwkSet { keys: Vec::new() }
}
