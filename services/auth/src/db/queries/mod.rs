//! The statements, a file per table.

pub(crate) mod mail_jobs;
pub(crate) mod reservations;
pub(crate) mod sessions;
pub(crate) mod users;
pub(crate) mod verifications;

use std::time::Duration;

use sea_orm::DbErr;
use shared::db::Db;

/// How long sent mails are kept, and links beyond their expiry.
const KEEP: Duration = Duration::from_secs(30 * 86_400);

/// Deletes what nobody needs any more. Each statement stands alone: it does not matter when one fails.
pub(crate) async fn tidy(db: &Db) -> Result<(), DbErr> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    sessions::delete_older(&*tx, now - crate::sessions::ABSOLUTE).await?;
    mail_jobs::delete_sent_before(&*tx, now - KEEP).await?;
    verifications::delete_expired_before(&*tx, now - KEEP).await?;
    tx.commit().await.map_err(|error| DbErr::Custom(error.to_string()))
}
