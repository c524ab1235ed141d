//! The private keys of this service, and the tokens that are made with them.
//!
//! Signing keys sign access tokens, which all services verify with the public halves. The first one is in the key file;
//! the ones that follow it by rotation are in the database, encrypted (ADR 27). Four more keys are derived from the
//! file, and do not change when signing keys rotate. One is for refresh tokens: the successor of a refresh token is
//! computed, not drawn at random, so that a client that asks twice gets the same successor although the database keeps
//! hashes only. One is for codes in mails, one encrypts the later signing keys, and one the secrets of authenticator
//! apps.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use shared::auth::{
    AUDIENCE, Claims, EXPORT_AUDIENCE, EXPORT_TOKEN_TYPE, ExportClaims, ISSUER, Role, Scopes, TOKEN_TYPE,
};
use shared::clock::Timestamp;
use shared::config::ConfigError;
use shared::error::ApiError;
use shared::ids::{NOBODY, SessionId, UserId};
use uuid::Uuid;

use crate::db::entities::sessions::Model as Session;
use crate::db::entities::signing_keys::Model as StoredKey;
use crate::db::entities::users::Model as User;
use crate::domain::key_ring::{KeyTimes, Stage, stages};
use crate::domain::session::ACCESS_TOKEN_LIFETIME;

/// The variable that is named in errors about the key file.
const VARIABLE: &str = "JWT_PRIVATE_KEY_FILE";

/// The purposes of the derived keys. Each purpose is the text with which its key is derived.
const SUCCESSORS: &[u8] = b"chatty: successors of refresh tokens, 1";
const CODES: &[u8] = b"chatty: codes in mails, 1";
const ENDS: &[u8] = b"chatty: the ends of digests, 1";
const SEALS: &[u8] = b"chatty: signing keys in the database, 1";
const APPS: &[u8] = b"chatty: authenticator apps in the database, 1";

/// The lifetime of a token for one request to another service.
const EXPORT_TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// The length of a nonce of AES-GCM, in bytes (RFC 5116, section 5.1).
const NONCE_LENGTH: usize = 12;

/// The tokens that result from a login or a refresh.
pub(crate) struct TokenPair {
    pub(crate) user_id: UserId,
    /// True for an admin who gets the tokens of an ordinary person until two-factor sign-in is on.
    pub(crate) is_role_withheld: bool,
    /// A JWT, accepted for [`ACCESS_TOKEN_LIFETIME`].
    pub(crate) access_token: String,
    /// The token for the next refresh. It can be used once.
    pub(crate) refresh_token: String,
    /// The scopes of the other people's client that gets the tokens; `None` for Chatty's own login.
    pub(crate) scopes: Option<Scopes>,
}

/// A key that signs access tokens, with its public half and its times.
#[derive(Clone)]
struct SigningKey {
    private: EncodingKey,
    /// The id of the key, which every access token names.
    kid: String,
    public: Jwk,
    times: KeyTimes,
}

impl SigningKey {
    fn new(private: EncodingKey, times: KeyTimes) -> Result<Self, String> {
        let mut public = Jwk::from_encoding_key(&private, Algorithm::EdDSA).map_err(|error| error.to_string())?;
        // The thumbprint (RFC 7638) is the id, so that replicas with the same key agree on it without a setting.
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { private, kid, public, times })
    }
}

/// Holds all private keys: signs tokens, computes the successors of refresh tokens, hashes codes in mails, and encrypts
/// secrets in the database.
pub(crate) struct Signer {
    /// The Ed25519 keys of access tokens, from the oldest to the newest. The first one is from the key file.
    keys: RwLock<Vec<SigningKey>>,
    /// The key that encrypts signing keys in the database.
    seals: RandomizedNonceKey,
    /// The key that encrypts the secrets of authenticator apps in the database.
    apps: RandomizedNonceKey,
    /// The HMAC key of refresh tokens.
    successors: hmac::Key,
    /// The HMAC key of codes in mails.
    codes: hmac::Key,
    /// The HMAC key of the links that end digests.
    ends: hmac::Key,
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
        // The other keys are derived, so that all replicas have the same ones and the operator keeps only one secret.
        let whole = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let secret = |purpose| hmac::sign(&whole, purpose);
        let derive = |purpose| hmac::Key::new(hmac::HMAC_SHA256, secret(purpose).as_ref());
        let (successors, codes, ends) = (derive(SUCCESSORS), derive(CODES), derive(ENDS));
        let sealing = |purpose| RandomizedNonceKey::new(&AES_256_GCM, secret(purpose).as_ref());
        let (seals, apps) = (sealing(SEALS), sealing(APPS));
        let (seals, apps) = (seals.map_err(|error| bad(&error))?, apps.map_err(|error| bad(&error))?);
        let first = KeyTimes { used_from: None, ends_others: false };
        let first = SigningKey::new(key, first).map_err(|error| bad(&error))?;
        // A key that cannot sign must stop the start instead of failing the first login.
        sign_with(&first, TOKEN_TYPE, &serde_json::json!({})).map_err(|error| bad(&error))?;
        Ok(Self { keys: RwLock::new(vec![first]), seals, apps, successors, codes, ends, admins_need_factor: false })
    }

    /// Returns the public halves of the keys that are not retired: tokens that are still valid may be signed with them,
    /// or they will be used soon.
    pub(crate) fn public_keys(&self, now: Timestamp) -> JwkSet {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let stages = stages(keys.iter().map(|key| key.times), now);
        let published = keys.iter().zip(stages).filter(|(_, stage)| *stage != Stage::Retired);
        JwkSet { keys: published.map(|(key, _)| key.public.clone()).collect() }
    }

    /// Generates a signing key. Returns its id and the private key, encrypted.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn generate(&self) -> Result<(String, Vec<u8>), ApiError> {
        let pair = Ed25519KeyPair::generate().map_err(ApiError::internal)?;
        let der = pair.to_pkcs8v1().map_err(ApiError::internal)?;
        let times = KeyTimes { used_from: None, ends_others: false };
        let key = SigningKey::new(EncodingKey::from_ed_der(der.as_ref()), times).map_err(ApiError::internal)?;
        let sealed = seal(&self.seals, &key.kid, der.as_ref())?;
        Ok((key.kid, sealed))
    }

    /// Replaces the keys that follow the one in the key file. `rows` are given from the oldest to the newest. A key
    /// that cannot be decrypted belongs to another key file and is left out.
    pub(crate) fn set_later_keys(&self, rows: &[StoredKey]) {
        let mut later = Vec::new();
        for row in rows {
            let (Some(kid), Some(sealed), Some(used_from)) = (&row.kid, &row.sealed, row.used_from) else { continue };
            let times = KeyTimes { used_from: Some(used_from), ends_others: row.at_once };
            match self.unseal(kid, sealed).and_then(|private| SigningKey::new(private, times).ok()) {
                Some(key) => later.push(key),
                None => tracing::error!(key.id = kid, "A signing key was made with another key file; it is not used."),
            }
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.truncate(1);
        keys.extend(later);
    }

    fn unseal(&self, kid: &str, sealed: &[u8]) -> Option<EncodingKey> {
        Some(EncodingKey::from_ed_der(&unseal(&self.seals, kid, sealed)?))
    }

    /// Sets whether an admin gets tokens with the admin's role only with a second factor.
    #[must_use]
    pub(crate) fn with_admins_need_factor(self, admins_need_factor: bool) -> Self {
        Self { admins_need_factor, ..self }
    }

    /// Returns the role that the tokens of a person carry. An admin who still has to turn two-factor sign-in on has the
    /// role of an ordinary person until then, and can log in with it to do so.
    pub(crate) fn role_of(&self, user: &User) -> Role {
        if self.admins_need_factor && user.second_factor_at.is_none() { Role::User } else { user.role() }
    }

    /// Computes the successor of a refresh token. A token always has the same successor, which nobody can compute
    /// without the key.
    pub(crate) fn successor_of(&self, refresh_token: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.successors, refresh_token.as_bytes()))
    }

    /// Computes the hash of a code in a mail to an account. The hash has a key, because a code has so few digits that a
    /// plain hash in a stolen copy of the database would reveal it.
    pub(crate) fn hash_code(&self, user_id: i64, code: &str) -> String {
        let text = format!("{user_id} {code}");
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.codes, text.as_bytes()))
    }

    /// Computes the token of the link that ends the digests of a person. It is valid for ever, because it stands in mails,
    /// and it opens nothing else.
    pub(crate) fn digest_token(&self, user: UserId) -> String {
        let mac = hmac::sign(&self.ends, user.to_string().as_bytes());
        format!("{user}-{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Returns the person whose digests a token ends. `None` when it is no such token.
    pub(crate) fn verify_digest_token(&self, token: &str) -> Option<UserId> {
        let (user, mac) = token.split_once('-')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&self.ends, user.as_bytes(), &mac).ok()?;
        user.parse().ok().map(UserId)
    }

    /// Encrypts the secret of a person's authenticator app, so that nobody can compute codes from a stolen copy of the
    /// database.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn seal_app(&self, user_id: i64, secret: &[u8]) -> Result<Vec<u8>, ApiError> {
        seal(&self.apps, &user_id.to_string(), secret)
    }

    /// Decrypts the secret of a person's authenticator app. `None` when it was encrypted for another person, or with
    /// another key file.
    pub(crate) fn unseal_app(&self, user_id: i64, sealed: &[u8]) -> Option<Vec<u8>> {
        let secret = unseal(&self.apps, &user_id.to_string(), sealed);
        if secret.is_none() {
            tracing::error!(
                user.id = user_id,
                "An authenticator app was stored with another key file; it is not used."
            );
        }
        secret
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
        self.sign(TOKEN_TYPE, &claims, now)
    }

    /// Signs a token that lets an export read the data of a person in other services. It is valid for a minute, which
    /// is enough for one request.
    ///
    /// # Errors
    /// As [`Signer::sign_access_token`].
    pub(crate) fn sign_export_token(&self, user: UserId, now: Timestamp) -> Result<String, ApiError> {
        let claims = ExportClaims {
            iss: ISSUER.to_owned(),
            aud: EXPORT_AUDIENCE.to_owned(),
            sub: user.0.to_string(),
            exp: (now + EXPORT_TOKEN_LIFETIME).unix_seconds(),
            nbf: now.unix_seconds(),
        };
        self.sign(EXPORT_TOKEN_TYPE, &claims, now)
    }

    /// Signs a token that reads the notifications of a person for their digest. It belongs to no session, may only read,
    /// and is valid for a minute, which is enough for one request.
    ///
    /// # Errors
    /// As [`Signer::sign_access_token`].
    pub(crate) fn sign_digest_access(&self, user: &User, now: Timestamp) -> Result<String, ApiError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.id.to_string(),
            exp: (now + EXPORT_TOKEN_LIFETIME).unix_seconds(),
            nbf: now.unix_seconds(),
            iat: now.unix_seconds(),
            jti: Uuid::new_v4().to_string(),
            username: user.username.clone(),
            role: Role::User,
            sv: user.session_version,
            sid: SessionId(NOBODY),
            scope: Some(Scopes { read: true, write: false, admin: false }),
        };
        self.sign(TOKEN_TYPE, &claims, now)
    }

    /// Signs claims with the key that signs at this time.
    fn sign(&self, token_type: &str, claims: &impl Serialize, now: Timestamp) -> Result<String, ApiError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let stages = stages(keys.iter().map(|key| key.times), now);
        let key = keys.iter().zip(stages).find(|(_, stage)| *stage == Stage::Signing).map(|(key, _)| key);
        let key = key.ok_or_else(|| ApiError::internal("no key signs"))?;
        sign_with(key, token_type, claims).map_err(ApiError::internal)
    }
}

/// Encrypts a secret with AES-GCM, and authenticates its owner with it: a secret that was moved to another row cannot
/// be decrypted.
fn seal(key: &RandomizedNonceKey, owner: &str, secret: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut text = secret.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(owner.as_bytes()), &mut text).map_err(ApiError::internal)?;
    Ok([nonce.as_ref(), text.as_slice()].concat())
}

/// Decrypts the output of [`seal`]. `None` when the key or the owner is not the same.
fn unseal(key: &RandomizedNonceKey, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut text).ok().map(|secret| secret.to_vec())
}

fn sign_with(key: &SigningKey, token_type: &str, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
    let header =
        Header { typ: Some(token_type.to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &key.private)
}

/// Generates a key and writes it to the file. When several replicas start on one folder, the first key stays and the
/// others are discarded.
fn create(file: &Path) -> std::io::Result<()> {
    let pair = Ed25519KeyPair::generate().map_err(std::io::Error::other)?;
    let der = pair.to_pkcs8v1().map_err(std::io::Error::other)?;
    let encoded = STANDARD.encode(der.as_ref());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // The key is written under another name first, so that no replica reads half of it.
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
    use shared::clock::Clock;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/jwt.pem");
        let first = Signer::open(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let replica = Signer::open(&file).unwrap();
        let now = Clock::system().now();
        assert_eq!(
            (replica.public_keys(now), replica.successor_of("a")),
            (first.public_keys(now), first.successor_of("a"))
        );
        assert_ne!(first.successor_of("a"), first.successor_of("b"));
        let stranger = Signer::open(&folder.path().join("other.pem")).unwrap();
        assert_ne!(stranger.successor_of("a"), first.successor_of("a"));
        assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);
        let text = serde_json::to_string(&first.public_keys(now)).unwrap();
        assert!(text.contains("\"crv\":\"Ed25519\"") && !text.contains("\"d\""), "{text}");
    }

    #[test]
    fn a_later_key_is_used_by_replicas_with_the_same_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Signer::open(&folder.path().join(name)).unwrap();
        let (first, replica, stranger) = (open("jwt.pem"), open("jwt.pem"), open("other.pem"));
        let now = Clock::system().now();
        let (kid, sealed) = first.generate().unwrap();
        let row = StoredKey {
            id: 1,
            requested_at: now,
            at_once: true,
            kid: Some(kid.clone()),
            sealed: Some(sealed.clone()),
            used_from: Some(now),
        };
        for signer in [&first, &replica, &stranger] {
            signer.set_later_keys(std::slice::from_ref(&row));
        }
        let ids = |signer: &Signer| -> Vec<Option<String>> {
            signer.public_keys(now).keys.into_iter().map(|key| key.common.key_id).collect()
        };
        assert_eq!((ids(&first), ids(&replica)), (vec![Some(kid.clone())], vec![Some(kid.clone())]));
        assert!(ids(&stranger).len() == 1 && ids(&stranger) != ids(&first));
        // A row with the id of another key cannot be decrypted.
        replica.set_later_keys(&[StoredKey { kid: Some("other".to_owned()), ..row }]);
        assert_ne!(ids(&replica), ids(&first));
    }

    #[test]
    fn the_secret_of_an_app_opens_for_its_owner_with_the_same_key_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Signer::open(&folder.path().join(name)).unwrap();
        let sealed = open("jwt.pem").seal_app(7, b"12345678901234567890").unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"1234"));
        assert_eq!(open("jwt.pem").unseal_app(7, &sealed).unwrap(), b"12345678901234567890");
        assert_eq!(open("jwt.pem").unseal_app(8, &sealed), None);
        assert_eq!(open("other.pem").unseal_app(7, &sealed), None);
        assert_eq!(open("jwt.pem").unseal_app(7, b"short"), None);
    }

    #[test]
    fn nonsense_is_no_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "nonsense").unwrap();
        assert_eq!(Signer::open(file.path()).err().unwrap().variable, VARIABLE);
    }
}
