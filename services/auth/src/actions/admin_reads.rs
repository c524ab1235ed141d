//! The entry in the log of accounts that an admin leaves who reads what belongs to others.

use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::account_log;
use crate::domain::happening::Happening;
use crate::error::Error;

/// Writes that an admin reads something, about a person or about many. It is committed before the admin gets it.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn note_admin_read(
    db: &Db,
    happening: Happening,
    admin: UserId,
    about: Option<UserId>,
) -> Result<(), Error> {
    let tx = db.begin().await?;
    account_log::record_by_admin(&*tx, happening, admin, about, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}
