//! Logging in by password.

use shared::error::ApiError;

use crate::db::entities::user::Model;
use crate::db::queries::users;
use crate::error::AuthError;
use crate::hasher;
use crate::sessions::{self, Pair};
use crate::state::AppState;

/// Checks a password and opens a session. What is wrong with the account is said only after a right password.
pub(crate) async fn by_password(state: &AppState, username: &str, password: &str) -> Result<Pair, AuthError> {
    let user = users::find_by_username(state.db.read(), username).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let fits = state.hasher.verify(password, stored).await?;
    let Some(user) = user.filter(|_| fits) else { return Err(AuthError::InvalidCredentials) };
    let pair = sessions::open(state, &user).await?;
    if hasher::is_outdated(&user.password_hash)
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
