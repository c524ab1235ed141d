//! The private key of this service, and the tokens that are made with it.
//!
//! The key signs access tokens, which all services verify with its public half. Two more keys are derived from it. One
//! is for refresh tokens: the successor of a refresh token is computed, not drawn at random, so that a client that asks
//! twice gets the same successor although the database keeps hashes only. The other one is for codes in mails.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared::auth::{AUDIENCE, Claims, ISSUER, Role, Scopes, TOKEN_TYPE};
use shared::clock::Timestamp;
use shared::config::ConfigError;
use shared::error::ApiError;
use shared::ids::{SessionId, UserId};
use uuid::Uuid;

use crate::db::entities::sessions::Model as Session;
use crate::db::entities::users::Model as User;
use crate::domain::session::ACCESS_TOKEN_LIFETIME;

/// The variable that errors about the key name.
const VARIABLE: &str = "JWT_PRIVATE_KEY_FILE";

/// The purposes of the derived keys. Each key is derived with a text of its own.
const SUCCESSORS: &[u8] = b"chatty: successors of refresh tokens, 1";
const CODES: &[u8] = b"chatty: codes in mails, 1";

/// The tokens that a login or a refresh gives.
pub(crate) struct TokenPair {
    pub(crate) user_id: UserId,
    /// True for an admin who gets the tokens of an ordinary person until two-factor sign-in is on.
    pub(crate) is_role_withheld: bool,
    /// A JWT, accepted for [`ACCESS_TOKEN_LIFETIME`].
    pub(crate) access_token: String,
    /// The token for the next refresh; it is used once.
    pub(crate) refresh_token: String,
    /// The scopes of an other people's client; `None` for Chatty's own login.
    pub(crate) scopes: Option<Scopes>,
}

/// Signs access tokens and computes the successors of refresh tokens.
pub(crate) struct Signer {
    /// The Ed25519 key of access tokens.
    key: EncodingKey,
    /// The HMAC key of refresh tokens.
    successors: hmac::Key,
    /// The HMAC key of codes in mails.
    codes: hmac::Key,
    /// The id of the key, which every access token names.
    kid: String,
    public: JwkSet,
    /// True when an admin without a second factor gets the tokens of an ordinary person.
    admins_need_factor: bool,
}

impl Signer {
    /// Reads the key file. When there is none, it creates one that only its owner can read.
    ///
    /// # Errors
    /// When the file cannot be read or created, or holds no Ed25519 key in PEM.
    pub(crate) fn open(file: &Path) -> Result<Self, ConfigError> {
        let bad = |error: &dyn std::fmt::Display| ConfigError::new(VARIABLE, format!("{}: {error}", file.display()));
        let pem = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(file).map_err(|error| bad(&error))?;
                fs::read(file)
            }
            read => read,
        };
        let pem = pem.map_err(|error| bad(&error))?;
        if fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o077 != 0) {
            tracing::warn!(file = %file.display(), "Others than its owner can read the signing key; chmod 600 helps.");
        }
        let key = EncodingKey::from_ed_pem(&pem).map_err(|_error| bad(&"holds no private key of Ed25519 in PEM"))?;
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(|error| bad(&error))?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|error| bad(&error))?;
        // The thumbprint is the id, so that replicas with the same key agree on it without a setting.
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        // The other keys are derived, so that all replicas have the same ones and the operator keeps one secret.
        let whole = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let derive = |purpose| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&whole, purpose).as_ref());
        let (successors, codes) = (derive(SUCCESSORS), derive(CODES));
        let signer =
            Self { key, successors, codes, kid, public: JwkSet { keys: vec![jwk] }, admins_need_factor: false };
        // A key that cannot sign must stop the start instead of failing the first login.
        signer.sign(&serde_json::json!({})).map_err(|error| bad(&error))?;
        Ok(signer)
    }

    /// Sets whether an admin needs a second factor to get tokens with the admin's role.
    #[must_use]
    pub(crate) fn with_admins_need_factor(self, admins_need_factor: bool) -> Self {
        Self { admins_need_factor, ..self }
    }

    /// The role that the tokens of a person carry. An admin who still has to turn two-factor sign-in on has the role of
    /// an ordinary person until then, and so can log in and do it.
    pub(crate) fn role_of(&self, user: &User) -> Role {
        if self.admins_need_factor && user.second_factor_at.is_none() { Role::User } else { user.role() }
    }

    /// The public half of the key, with which access tokens are verified.
    pub(crate) fn public_keys(&self) -> &JwkSet {
        &self.public
    }

    /// Computes the successor of a refresh token. It is always the same, and it cannot be computed without the key.
    pub(crate) fn successor_of(&self, refresh_token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.successors, refresh_token.as_bytes()))
    }

    /// Computes the hash of a code in a mail to an account. A code has few digits, so a plain hash in a stolen copy of
    /// the database would tell it.
    pub(crate) fn hash_code(&self, user_id: i64, code: &str) -> String {
        let text = format!("{user_id} {code}");
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.codes, text.as_bytes()))
    }

    /// Signs a new access token.
    ///
    /// # Errors
    /// When signing fails, which [`Signer::open`] has excluded.
    pub(crate) fn sign_access_token(&self, user: &User, session: &Session, now: Timestamp) -> Result<String, ApiError> {
        let scope = session.scopes();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            exp: (now + ACCESS_TOKEN_LIFETIME).unix_seconds(),
            nbf: now.unix_seconds(),
            iat: now.unix_seconds(),
            jti: Uuid::new_v4().to_string(),
            username: user.username.clone(),
            role: if scope.is_none_or(|scopes| scopes.admin) { self.role_of(user) } else { Role::User },
            sv: user.session_version,
            sid: SessionId(session.id),
            scope,
        };
        self.sign(&claims).map_err(ApiError::internal)
    }

    fn sign(&self, claims: &impl serde::Serialize) -> jsonwebtoken::errors::Result<String> {
        let header =
            Header { typ: Some(TOKEN_TYPE.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

/// Generates a key and writes it to the file. When several replicas start on one folder, the first key stays and the
/// others are discarded.
fn create(file: &Path) -> std::io::Result<()> {
    let pair = Ed25519KeyPair::generate().map_err(std::io::Error::other)?;
    let der = pair.to_pkcs8v1().map_err(std::io::Error::other)?;
    let encoded = STANDARD.encode(der.as_ref());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Written under another name first, so that no replica reads half a key.
    let draft = folder.join(format!(".jwt-{}.pem", Uuid::new_v4()));
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    write!(out, "-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n")?;
    out.sync_all()?;
    // A hard link appears with its whole content or not at all, and never replaces a file. A rename would replace it.
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/jwt.pem");
        let first = Signer::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let replica = Signer::open(&file).unwrap();
        assert_eq!((&replica.kid, replica.successor_of("a")), (&first.kid, first.successor_of("a")));
        assert_ne!(first.successor_of("a"), first.successor_of("b"));
        let stranger = Signer::open(&folder.path().join("other.pem")).unwrap();
        assert_ne!(stranger.successor_of("a"), first.successor_of("a"));
        assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);
        let text = serde_json::to_string(first.public_keys()).unwrap();
        assert!(text.contains("\"crv\":\"Ed25519\"") && !text.contains("\"d\""), "{text}");
    }

    #[test]
    fn nonsense_is_no_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "nonsense").unwrap();
        assert_eq!(Signer::open(file.path()).err().unwrap().variable, VARIABLE);
    }
}
