//! The creation of an admin, by the operator's command or at the first start.

use secrecy::{ExposeSecret, SecretString};
use shared::auth::Role;
use shared::db::CommitError;
use shared::events;
use shared::events::PublishError;
use shared::work::Db;

use crate::credentials::hash_blocking;
use crate::db::queries::account_log;
use crate::db::queries::users::{self, NewUser, NotStored};
use crate::domain::audit_event::AuditEvent;
use crate::domain::{Username, password};
use crate::streams::user::UserState;

/// The reason why an admin was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateAdminError {
    /// The username breaks a rule, which the text names.
    #[error("the username {0}")]
    Username(&'static str),
    /// The password breaks a rule, which the text names.
    #[error("the password {0}")]
    Password(&'static str),
    /// Another account has the username, or the address that belongs to it.
    #[error("Username already registered")]
    Taken,
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Db(#[from] sea_orm::DbErr),
    /// The database refused the commit, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The event could not be written to the outbox.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Creates an admin: an account that is verified from the beginning.
///
/// # Errors
/// [`CreateAdminError`]. Nothing is stored then, unless the outcome of the commit is unknown.
pub async fn create_admin(db: &Db, username: &str, password: &SecretString) -> Result<(), CreateAdminError> {
    let username = Username::parse(username).map_err(CreateAdminError::Username)?;
    password::check(password.expose_secret(), username.as_str(), &address_of(&username))
        .map_err(CreateAdminError::Password)?;
    let (password, name) = (password.clone(), username.clone());
    // The estimate and the hash occupy a thread for a while, which an async task must not do.
    let hash = tokio::task::spawn_blocking(move || {
        password::check_strength(password.expose_secret(), name.as_str(), &address_of(&name))
            .map_err(CreateAdminError::Password)?;
        hash_blocking(password.expose_secret()).map_err(|error| CreateAdminError::Hash(error.to_string()))
    })
    .await;
    let hash = hash.map_err(|error| CreateAdminError::Hash(error.to_string()))??;
    store_admin(db, username, hash).await
}

/// Stores an admin whose password is hashed already.
pub(super) async fn store_admin(db: &Db, username: Username, password_hash: String) -> Result<(), CreateAdminError> {
    let now = db.clock().now();
    let new = NewUser {
        email: address_of(&username),
        username,
        password_hash,
        first_name: None,
        last_name: None,
        role: Role::Admin,
        verified_at: Some(now),
        application: None,
    };
    let mut tx = db.begin().await?;
    let user = users::insert(&*tx, new, now).await.map_err(|error| match error {
        NotStored::Username | NotStored::Email => CreateAdminError::Taken,
        NotStored::Db(error) => CreateAdminError::Db(error),
    })?;
    account_log::record_by_nobody(&*tx, AuditEvent::AdminCreated, Some(user.user_id()), now).await?;
    events::publish(&mut tx, &[UserState::from(user)])?;
    Ok(tx.commit().await?)
}

/// Returns an address for an admin, because every account needs one and the operator is not asked for it. The domain is
/// reserved, so mails to it reach nobody.
fn address_of(username: &Username) -> String {
    format!("{}@chatty.example", username.key())
}
