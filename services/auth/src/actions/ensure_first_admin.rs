//! The first admin, who is created at the start so that somebody can moderate.

use secrecy::ExposeSecret;
use shared::tasks::Backoff;
use shared::work::Db;

use super::create_admin::{CreateAdminError, store_admin};
use crate::config::AdminConfig;
use crate::credentials::Hasher;
use crate::db::queries::users;

/// The number of tries after which the start goes on without an admin.
const TRIES: u32 = 20;

/// Creates the admin of the settings when there is no admin yet. It tries again while the database is not available,
/// and logs an error instead of stopping the start: the service is useful without an admin, and the operator can create
/// one later.
pub(crate) async fn ensure_first_admin(db: &Db, hasher: &Hasher, admin: Option<AdminConfig>) {
    let Some(admin) = admin else { return };
    let mut backoff = Backoff::default();
    for _ in 0..TRIES {
        match try_ensure(db, hasher, &admin).await {
            Ok(()) => return,
            // Either another replica has created the admin just now, or the username belongs to an ordinary account.
            Err(CreateAdminError::Taken) => {
                if !users::has_admin(db.read()).await.unwrap_or(true) {
                    tracing::error!(username = %admin.username, "The first admin's username belongs to somebody else; choose another one.");
                }
                return;
            }
            Err(error) => tracing::warn!(%error, "The first admin could not be stored yet; trying again."),
        }
        tokio::time::sleep(backoff.next_pause()).await;
    }
    tracing::error!("The first admin could not be stored; start again, or use `chatty admin create`.");
}

async fn try_ensure(db: &Db, hasher: &Hasher, admin: &AdminConfig) -> Result<(), CreateAdminError> {
    if users::has_admin(db.read()).await? {
        return Ok(());
    }
    // The strength is not checked here: the settings have checked it, with an exception for development.
    let hash = hasher.hash(admin.password.expose_secret()).await;
    let hash = hash.map_err(|error| CreateAdminError::Hash(error.to_string()))?;
    store_admin(db, admin.username.clone(), hash).await?;
    tracing::info!(username = %admin.username, "The first admin was made.");
    Ok(())
}
