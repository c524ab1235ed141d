//! Login by username and password.

use shared::http::RemoteClient;
use shared::work::Db;

use super::open_session::open_session;
use super::second_factor::require_second_factor;
use crate::credentials::{Hasher, PasswordCheck, Signer, TokenPair};
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, limits, reservations, sessions, users};
use crate::domain::Username;
use crate::domain::audit_event::AuditEvent;
use crate::domain::limit::LOGINS;
use crate::error::Error;

/// A try to log in.
pub(crate) struct Login<'a> {
    pub(crate) client: &'a RemoteClient,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
}

/// Checks a password and opens a session. The error tells the state of the account only after a right password. With
/// `is_limited`, few wrong passwords can be tried for a username.
///
/// # Errors
/// [`Error::InvalidCredentials`], [`Error::NotVerified`], [`Error::AwaitsApproval`], [`Error::Blocked`],
/// [`Error::SecondFactorRequired`], [`Error::TooManyTries`], or [`Error::Busy`] when too many passwords are being
/// checked.
pub(crate) async fn log_in(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    is_limited: bool,
    login: Login<'_>,
) -> Result<TokenPair, Error> {
    let client = login.client;
    let user = authenticate(db, hasher, is_limited, login).await?;
    if user.second_factor_at.is_some() {
        return require_second_factor(db, &user).await;
    }
    open_session(db, signer, client, &user).await
}

/// Checks a password and nothing else. The caller decides whether the account may be used.
///
/// # Errors
/// [`Error::InvalidCredentials`], [`Error::NotVerified`] for a username that is only reserved, [`Error::TooManyTries`],
/// or [`Error::Busy`].
pub(super) async fn authenticate(db: &Db, hasher: &Hasher, is_limited: bool, login: Login<'_>) -> Result<User, Error> {
    let Login { client, username, password } = login;
    let now = db.clock().now();
    let user = users::find_by_username(db.read(), username, now).await?;
    // The reservation is looked up for everybody, because the number of queries must not tell whether there is an
    // account.
    let reserved = reservations::find(db.read(), username, now).await?;
    let stored = user.as_ref().map(|user| &user.password_hash);
    let stored = stored.or(reserved.as_ref().map(|reserved| &reserved.password_hash));
    let tries = if is_limited { Some(take_try(db, username, user.as_ref(), client).await?) } else { None };
    // The check runs without a hash too, so that its duration does not tell whether the username exists.
    let check = hasher.verify(password, stored.map(String::as_str)).await?;
    if check == PasswordCheck::Wrong {
        let tx = db.begin_in_reserve().await?;
        let about = user.as_ref().map(User::user_id);
        account_log::count_failure(&*tx, AuditEvent::SignInFailed, about, tx.clock().now()).await?;
        tx.commit().await?;
        return Err(Error::InvalidCredentials);
    }
    if let Some(bucket) = tries {
        // The try is given back, because only wrong passwords count.
        let tx = db.begin_in_reserve().await?;
        limits::give_back(&*tx, LOGINS, &bucket).await?;
        tx.commit().await?;
    }
    // A reserved username has no account and never gets one. It must look like an account that waits for its
    // verification.
    let Some(user) = user else { return Err(Error::NotVerified) };
    if check == PasswordCheck::NeedsRehash
        && let Err(error) = renew_hash(db, hasher, &user, password).await
    {
        // The password was right, and the next login tries again.
        tracing::warn!(%error, user.id = %user.user_id(), "A password could not be hashed anew.");
    }
    Ok(user)
}

/// Uses up one try of the limit for a username, and returns the key under which it is counted (the bucket). This
/// happens before the password is checked, so that simultaneous requests do not get additional tries.
///
/// A client at an address from which this person has used a session has a bucket of its own, so that strangers cannot
/// lock the person out. Usernames without an account have buckets too, because the refusal would tell otherwise that
/// there is an account.
async fn take_try(db: &Db, username: &str, user: Option<&User>, client: &RemoteClient) -> Result<String, Error> {
    let key = Username::parse_lookup(username).map(|username| username.key());
    // Texts that cannot be usernames share one bucket, so that they cannot fill the table.
    let mut bucket = key.unwrap_or_else(|_not_a_username| " ".to_owned());
    if let (Some(user), Some(address)) = (user, client.address)
        && sessions::has_come_from(db.read(), user.id, address).await?
    {
        bucket = format!("{bucket} {address}");
    }
    let tx = db.begin_in_reserve().await?;
    let may_try = limits::take(&*tx, LOGINS, &bucket, db.clock().now()).await?;
    tx.commit().await?;
    if may_try { Ok(bucket) } else { Err(Error::TooManyTries(LOGINS.period)) }
}

/// Replaces the hash of a password by one with the current parameters.
async fn renew_hash(db: &Db, hasher: &Hasher, user: &User, password: &str) -> Result<(), Error> {
    let renewed = hasher.hash(password).await?;
    let tx = db.begin().await?;
    users::replace_password_hash(&*tx, user.user_id(), &user.password_hash, renewed).await?;
    Ok(tx.commit().await?)
}
