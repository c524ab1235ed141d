//! The signing key, and the access tokens that it signs.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared::auth::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE};
use shared::clock::Timestamp;
use shared::config::ConfigError;
use shared::error::ApiError;
use uuid::Uuid;

use crate::db::entities::user;

/// How long an access token is honoured.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);

/// The variable that complaints name.
const VARIABLE: &str = "JWT_PRIVATE_KEY_FILE";

/// Says that a key is for the successors of refresh tokens and nothing else.
const SUCCESSORS: &[u8] = b"chatty: successors of refresh tokens, 1";

/// Signs access tokens, and names the successors of refresh tokens.
pub(crate) struct Signer {
    key: EncodingKey,
    successors: hmac::Key,
    kid: String,
    public: JwkSet,
}

impl Signer {
    /// Reads the key file, or makes one that only its owner can read.
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
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        // Derived, so that all replicas agree and there is no second secret to keep.
        let whole = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let successors = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&whole, SUCCESSORS).as_ref());
        let signer = Self { key, successors, kid, public: JwkSet { keys: vec![jwk] } };
        // A key that cannot sign must stop the start, not the first login.
        signer.sign(&serde_json::json!({})).map_err(|error| bad(&error))?;
        Ok(signer)
    }

    /// What verifiers need.
    pub(crate) fn public_keys(&self) -> &JwkSet {
        &self.public
    }

    /// The refresh token that follows one: always the same, and nobody without the key can tell it. So who asks twice gets it
    /// twice, although only hashes are stored.
    pub(crate) fn successor(&self, refresh_token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.successors, refresh_token.as_bytes()))
    }

    /// An access token for somebody.
    pub(crate) fn access_token(&self, user: &user::Model, now: Timestamp) -> Result<String, ApiError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            exp: (now + LIFETIME).unix_seconds(),
            nbf: now.unix_seconds(),
            iat: now.unix_seconds(),
            jti: Uuid::new_v4().to_string(),
            username: user.username.clone(),
            role: user.role(),
            sv: user.session_version,
        };
        self.sign(&claims).map_err(ApiError::internal)
    }

    fn sign(&self, claims: &impl serde::Serialize) -> jsonwebtoken::errors::Result<String> {
        let header =
            Header { typ: Some(TOKEN_TYPE.to_owned()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

/// Writes a fresh key. Of several replicas that start together on one folder, the first one wins.
fn create(file: &Path) -> std::io::Result<()> {
    let pair = Ed25519KeyPair::generate().map_err(std::io::Error::other)?;
    let der = pair.to_pkcs8v1().map_err(std::io::Error::other)?;
    let encoded = STANDARD.encode(der.as_ref());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".jwt-{}.pem", Uuid::new_v4()));
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    write!(out, "-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n")?;
    out.sync_all()?;
    // A link appears whole or not at all, and never replaces what is there.
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
        assert_eq!((&replica.kid, replica.successor("a")), (&first.kid, first.successor("a")));
        assert_ne!(first.successor("a"), first.successor("b"));
        let stranger = Signer::open(&folder.path().join("other.pem")).unwrap();
        assert_ne!(stranger.successor("a"), first.successor("a"));
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
