//! Login by username and password.

use shared::work::Db;

use super::open_session::open_session;
use crate::credentials::{Hasher, PasswordCheck, Signer, TokenPair};
use crate::db::entities::users::Model as User;
use crate::db::queries::{reservations, users};
use crate::error::Error;

/// Checks a password and opens a session. The state of the account is named only after a right password.
///
/// # Errors
/// [`Error::InvalidCredentials`], [`Error::NotVerified`], [`Error::Blocked`], or [`Error::Busy`] when too many
/// passwords are being checked.
pub(crate) async fn log_in(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    username: &str,
    password: &str,
) -> Result<TokenPair, Error> {
    let user = users::find_by_username(db.read(), username).await?;
    // Looked up for everybody: the number of queries must not tell whether there is an account either.
    let reserved = reservations::find(db.read(), username).await?;
    let stored = user.as_ref().map(|user| &user.password_hash);
    let stored = stored.or(reserved.as_ref().map(|reserved| &reserved.password_hash));
    // The check runs without a hash too, so that its duration does not tell whether the username exists.
    let check = hasher.verify(password, stored.map(String::as_str)).await?;
    if check == PasswordCheck::Wrong {
        return Err(Error::InvalidCredentials);
    }
    // A reserved username has no account and never gets one. It must look like one that waits for its verification.
    let Some(user) = user else { return Err(Error::NotVerified) };
    let pair = open_session(db, signer, &user).await?;
    if check == PasswordCheck::NeedsRehash
        && let Err(error) = renew_hash(db, hasher, &user, password).await
    {
        // The login has succeeded, and the next one tries again.
        tracing::warn!(%error, user.id = %user.user_id(), "A password could not be hashed anew.");
    }
    Ok(pair)
}

/// Replaces the hash of a password by one with the current parameters.
async fn renew_hash(db: &Db, hasher: &Hasher, user: &User, password: &str) -> Result<(), Error> {
    let renewed = hasher.hash(password).await?;
    let tx = db.begin().await?;
    users::replace_password_hash(&*tx, user.user_id(), &user.password_hash, renewed).await?;
    Ok(tx.commit().await?)
}
