//! The check of the current password, which the changes of an account's credentials ask for.

use shared::work::Db;

use crate::credentials::{Hasher, PasswordCheck};
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, limits};
use crate::domain::audit_event::AuditEvent;
use crate::domain::limit::CURRENT_PASSWORD;
use crate::error::Error;

/// Checks the current password of a person who is logged in.
///
/// # Errors
/// [`Error::WrongPassword`]; [`Error::TooManyTries`], because a stolen access token must not become a way to guess the
/// password; [`Error::Busy`].
pub(super) async fn confirm_password(db: &Db, hasher: &Hasher, user: &User, password: &str) -> Result<(), Error> {
    let tx = db.begin().await?;
    let may_try = limits::take(&*tx, CURRENT_PASSWORD, &user.id.to_string(), db.clock().now()).await?;
    tx.commit().await?;
    if !may_try {
        return Err(Error::TooManyTries(CURRENT_PASSWORD.period));
    }
    match hasher.verify(password, Some(&user.password_hash)).await? {
        PasswordCheck::Wrong => {
            let tx = db.begin_in_reserve().await?;
            let (about, now) = (Some(user.user_id()), tx.clock().now());
            account_log::count_failure(&*tx, AuditEvent::WrongPassword, about, now).await?;
            tx.commit().await?;
            Err(Error::WrongPassword)
        }
        PasswordCheck::Right | PasswordCheck::NeedsRehash => Ok(()),
    }
}
