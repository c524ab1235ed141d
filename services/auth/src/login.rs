//! Logging in by password.

use shared::error::ApiError;

use crate::db::entities::user::Model;
use crate::db::queries::{reservations, users};
use crate::error::AuthError;
use crate::hasher::Fit;
use crate::sessions::{self, Pair};
use crate::state::AppState;

/// Checks a password and opens a session. What is wrong with the account is said only after a right password.
pub(crate) async fn by_password(state: &AppState, username: &str, password: &str) -> Result<Pair, AuthError> {
    let user = users::find_by_username(state.db.read(), username).await?;
    let reserved = reservations::find(state.db.read(), username).await?;
    let stored = user.as_ref().map(|user| &user.password_hash);
    let stored = stored.or(reserved.as_ref().map(|reserved| &reserved.password_hash));
    let fit = state.hasher.verify(password, stored.map(String::as_str)).await?;
    if fit == Fit::No {
        return Err(AuthError::InvalidCredentials);
    }
    // A reserved username never gets its account, which nobody is to know.
    let Some(user) = user else { return Err(AuthError::NotVerified) };
    let pair = sessions::open(state, &user).await?;
    if fit == Fit::Outdated
        && let Err(error) = rehash(state, &user, password).await
    {
        // The session is open already; the next login tries again.
        tracing::warn!(error = %ApiError::from(error), user.id = %user.user_id(), "A password could not be hashed anew.");
    }
    Ok(pair)
}

async fn rehash(state: &AppState, user: &Model, password: &str) -> Result<(), AuthError> {
    let fresh = state.hasher.hash(password).await?;
    let tx = state.db.begin().await?;
    users::rehash(&*tx, user.user_id(), &user.password_hash, fresh).await?;
    Ok(tx.commit().await?)
}
