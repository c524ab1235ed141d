//! The check of the admins' passwords before production starts. It changes nothing.

use shared::tasks::Backoff;
use shared::work::Db;

use crate::config::DEFAULT_ADMIN;
use crate::credentials::{Hasher, PasswordCheck};
use crate::db::queries::users;

/// Refuses a database in which an admin has the default password of development mode, because the database may have
/// been copied from a development system. It waits until the database is available.
///
/// # Errors
/// The reason why the service must not start.
pub(crate) async fn refuse_default_passwords(db: &Db, hasher: &Hasher) -> Result<(), String> {
    let mut backoff = Backoff::default();
    let admins = loop {
        match users::list_admins(db.read()).await {
            Ok(admins) => break admins,
            Err(error) => tracing::warn!(%error, "The admins could not be read yet; trying again."),
        }
        tokio::time::sleep(backoff.next_pause()).await;
    };
    for admin in admins {
        let default = hasher.verify(DEFAULT_ADMIN.1, Some(&admin.password_hash)).await;
        if default.map_err(|_busy| "the admins' passwords could not be checked")? != PasswordCheck::Wrong {
            return Err(format!("the admin {} still has the password of development", admin.username));
        }
    }
    Ok(())
}
