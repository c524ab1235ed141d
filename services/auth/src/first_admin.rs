//! The first admin: made at the start, or by the operator's CLI.

use secrecy::{ExposeSecret, SecretString};
use shared::auth::Role;
use shared::db::{CommitError, Db};
use shared::events;
use shared::events::outbox::PublishError;
use shared::lifecycle::Backoff;

use crate::config::{AdminConfig, DEFAULT_ADMIN};
use crate::db::queries::users::{self, NewUser, NotInserted};
use crate::domain::{Username, password};
use crate::hasher::{Fit, Hasher, hash_now};
use crate::user_stream::UserState;

/// How often the start tries to store the admin before it goes on without.
const TRIES: u32 = 20;

/// Why an admin was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAdminError {
    /// The username breaks a rule.
    #[error("the username {0}")]
    Username(&'static str),
    /// The password breaks a rule.
    #[error("the password {0}")]
    Password(&'static str),
    /// Somebody has the username, or the address that belongs to it.
    #[error("Username already registered")]
    Taken,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The database refused.
    #[error("the database refused: {0}")]
    Db(#[from] sea_orm::DbErr),
    /// The database refused while committing.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The event could not be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Makes an admin, verified and with the rights at once.
///
/// # Errors
/// [`CreateAdminError`]; nothing was stored then, unless a commit's outcome is unknown.
pub async fn create_admin(db: &Db, username: &str, password: &SecretString) -> Result<(), CreateAdminError> {
    let username = Username::parse(username).map_err(CreateAdminError::Username)?;
    password::check(password.expose_secret(), username.as_str(), &address(&username))
        .map_err(CreateAdminError::Password)?;
    let (password, name) = (password.clone(), username.clone());
    let hash = tokio::task::spawn_blocking(move || {
        password::check_strength(password.expose_secret(), name.as_str(), &address(&name))
            .map_err(CreateAdminError::Password)?;
        hash_now(password.expose_secret()).map_err(|error| CreateAdminError::Hash(error.to_string()))
    })
    .await;
    let hash = hash.map_err(|error| CreateAdminError::Hash(error.to_string()))??;
    store(db, username, hash).await
}

/// Refuses a database whose admins can log in with the password that development gives them.
///
/// # Errors
/// The reason why the start is refused.
pub(crate) async fn refuse_defaults(db: &Db, hasher: &Hasher) -> Result<(), String> {
    let mut backoff = Backoff::default();
    let admins = loop {
        match users::admins(db.read()).await {
            Ok(admins) => break admins,
            Err(error) => tracing::warn!(%error, "The admins could not be read yet; trying again."),
        }
        tokio::time::sleep(backoff.pause()).await;
    };
    for admin in admins {
        let default = hasher.verify(DEFAULT_ADMIN.1, Some(&admin.password_hash)).await;
        if default.map_err(|_busy| "the admins' passwords could not be checked")? != Fit::No {
            return Err(format!("the admin {} still has the password of development", admin.username));
        }
    }
    Ok(())
}

/// Makes the configured admin when there is no admin yet.
pub(crate) async fn ensure(db: &Db, hasher: &Hasher, admin: Option<AdminConfig>) {
    let Some(admin) = admin else { return };
    let mut backoff = Backoff::default();
    for _ in 0..TRIES {
        match try_ensure(db, hasher, &admin).await {
            Ok(()) => return,
            // Another replica was faster, or a person has the name.
            Err(CreateAdminError::Taken) => {
                if !users::has_admin(db.read()).await.unwrap_or(true) {
                    tracing::error!(username = %admin.username, "The first admin's username belongs to somebody else; choose another one.");
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "The first admin could not be stored yet; trying again."),
        }
        tokio::time::sleep(backoff.pause()).await;
    }
    tracing::error!("The first admin could not be stored; start again, or use `chatty admin create`.");
}

async fn try_ensure(db: &Db, hasher: &Hasher, admin: &AdminConfig) -> Result<(), CreateAdminError> {
    if users::has_admin(db.read()).await? {
        return Ok(());
    }
    let hash = hasher.hash(admin.password.expose_secret()).await;
    let hash = hash.map_err(|error| CreateAdminError::Hash(format!("{error:?}")))?;
    store(db, admin.username.clone(), hash).await?;
    tracing::info!(username = %admin.username, "The first admin was made.");
    Ok(())
}

async fn store(db: &Db, username: Username, password_hash: String) -> Result<(), CreateAdminError> {
    let now = db.clock().now();
    let new = NewUser {
        email: address(&username),
        username,
        password_hash,
        first_name: None,
        last_name: None,
        role: Role::Admin,
        verified_at: Some(now),
    };
    let mut tx = db.begin().await?;
    let user = users::insert(&*tx, new, now).await.map_err(|error| match error {
        NotInserted::Username | NotInserted::Email => CreateAdminError::Taken,
        NotInserted::Db(error) => CreateAdminError::Db(error),
    })?;
    events::publish(&mut tx, &[UserState::from(user)])?;
    Ok(tx.commit().await?)
}

fn address(username: &Username) -> String {
    format!("{}@chatty.example", username.key())
}
