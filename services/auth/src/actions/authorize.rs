//! OAuth 2.0 for other people's clients: the consent of a person, from which the client gets an authorization code, and
//! the exchange of the code for tokens (RFC 6749, section 4.1, with PKCE, RFC 7636).

use shared::auth::{Role, Scopes};
use shared::http::RemoteClient;
use shared::ids::UserId;
use shared::work::Db;

use super::end_session::end;
use super::log_in::{Login, authenticate};
use super::open_session::{open_session_in, require_active};
use super::second_factor::show_code;
use crate::credentials::{Hasher, Signer, TokenPair};
use crate::db::entities::authorization_codes::Model as Code;
use crate::db::entities::clients::Model as Client;
use crate::db::queries::sessions::Ending;
use crate::db::queries::{account_log, clients, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::oauth::{CODE_WITHIN, challenge_of, is_client_id, is_registered};
use crate::domain::secret;
use crate::error::Error;
use crate::mail::MailQueue;

/// The access that a client asks a person for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client: Client,
    /// One of the client's redirect URIs.
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    /// The code challenge of RFC 7636, with the method S256.
    pub(crate) code_challenge: String,
}

/// Finds the client of a request, and makes sure that the redirect URI belongs to it. Nobody may be sent to any other
/// address.
///
/// # Errors
/// [`Error::ClientNotFound`] in both cases.
pub(crate) async fn find_client(db: &Db, id: &str, redirect_uri: &str) -> Result<Client, Error> {
    if !is_client_id(id) {
        return Err(Error::ClientNotFound);
    }
    let client = clients::find(db.read(), id).await?.ok_or(Error::ClientNotFound)?;
    if is_registered(redirect_uri, client.redirect_uris()) { Ok(client) } else { Err(Error::ClientNotFound) }
}

/// Checks the password, and the second factor if the person has one, and stores the consent of the person. Returns the
/// authorization code for the client.
///
/// # Errors
/// The errors of a login; [`Error::WrongCode`] also when a second factor is needed and `second_factor` is empty. A
/// passkey cannot be used here, so a person without an authenticator app uses a recovery code.
pub(crate) async fn consent(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    mails: &MailQueue,
    is_limited: bool,
    (login, second_factor): (Login<'_>, &str),
    grant: Grant,
) -> Result<String, Error> {
    let user = authenticate(db, hasher, is_limited, login).await?;
    require_active(&user)?;
    if user.second_factor_at.is_some() {
        show_code(db, signer, mails, &user, second_factor).await?;
    }
    let code = secret::new_token();
    // Nobody can grant rights that they do not have.
    let scopes = Scopes { admin: grant.scopes.admin && user.role() == Role::Admin, ..grant.scopes };
    let row = Code {
        code_hash: secret::hash(&code),
        client_id: grant.client.id,
        user_id: user.id,
        session_version: user.session_version,
        redirect_uri: grant.redirect_uri,
        scope: scopes.to_string(),
        code_challenge: grant.code_challenge,
        expires_at: db.clock().now() + CODE_WITHIN,
        session_id: None,
    };
    let tx = db.begin_in_reserve().await?;
    account_log::record_own(&*tx, AuditEvent::AccessGranted, user.user_id(), tx.clock().now()).await?;
    clients::insert_code(&*tx, row).await?;
    tx.commit().await?;
    Ok(code)
}

/// An authorization code as a client presents it, with the values that must match the request for it.
pub(crate) struct Exchange<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    /// The code verifier of RFC 7636.
    pub(crate) code_verifier: &'a str,
}

/// Exchanges a code for tokens. A code is used up by its first use, right or wrong. A second use means that somebody
/// else has the code too, so it ends the session that the first use has opened (RFC 6749, section 4.1.2).
///
/// # Errors
/// [`Error::BadCode`] when the code is unknown, expired or used, or a value does not match; the errors of
/// [`open_session_in`].
pub(crate) async fn exchange_code(
    db: &Db,
    signer: &Signer,
    client: &RemoteClient,
    exchange: Exchange<'_>,
) -> Result<TokenPair, Error> {
    let (hash, now) = (secret::hash(exchange.code), db.clock().now());
    let mut tx = db.begin_in_reserve().await?;
    let is_first = clients::use_code(&*tx, &hash, now).await?;
    let code = clients::find_code(&*tx, &hash).await?.ok_or(Error::BadCode)?;
    if !is_first {
        if let Some(session) = code.session_id.filter(|id| *id != 0) {
            end(&mut tx, Ending::One(session)).await?;
            account_log::record_by_nobody(&*tx, AuditEvent::TokenReused, Some(UserId(code.user_id)), now).await?;
            tracing::warn!(user.id = code.user_id, "An authorization code was used twice; its session is ended.");
        }
        tx.commit().await?;
        return Err(Error::BadCode);
    }
    let is_right = code.client_id == exchange.client_id
        && code.redirect_uri == exchange.redirect_uri
        && code.code_challenge == challenge_of(exchange.code_verifier)
        && clients::find(&*tx, &code.client_id).await?.is_some();
    let user = users::find(&*tx, UserId(code.user_id)).await?;
    let user = user.filter(|user| is_right && user.session_version == code.session_version);
    let (Some(user), Ok(scopes)) = (user, code.scope.parse()) else {
        // This is committed, so that the code is used up.
        tx.commit().await?;
        return Err(Error::BadCode);
    };
    let (pair, session) = open_session_in(&tx, signer, client, &user, Some((code.client_id, scopes))).await?;
    clients::set_code_session(&*tx, &hash, session).await?;
    tx.commit().await?;
    Ok(pair)
}
