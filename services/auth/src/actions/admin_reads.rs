//! The entry in the log of accounts about an admin who reads other people's data.

use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::account_log;
use crate::domain::audit_event::AuditEvent;
use crate::error::Error;

/// Writes that an admin reads something, about a person or about many. The entry is committed before the admin gets an
/// answer. It may use the reserve of a full disk, which must not keep admins from looking.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn note_admin_read(
    db: &Db,
    event: AuditEvent,
    admin: UserId,
    about: Option<UserId>,
) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    account_log::record_by_admin(&*tx, event, admin, about, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}
