//! The export of the people that a person follows, mutes or blocks, of those who follow the person, and of the person's choices
//! about notifications.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::notification_settings::Settings;
use crate::db::queries::{export, notification_settings, personal_blocks};

/// The subscriptions, mutes, blocks and settings of people.
pub(crate) struct ExportedSubscriptions;

#[async_trait]
impl ExportedData for ExportedSubscriptions {
    const KINDS: &'static [&'static str] = &["following", "followers", "mutes", "blocks", "notification_settings"];

    async fn page(
        &self,
        db: &Reads,
        kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr> {
        let rows = match kind {
            "following" => export::page_following(db, user, after, limit).await?,
            "followers" => export::page_followers(db, user, after, limit).await?,
            "mutes" => return export_mutes(db, user, after, limit).await,
            "blocks" => return export_blocks(db, user, after, limit).await,
            _ => return export_settings(db, user, after).await,
        };
        let exported = rows.into_iter().map(|row| {
            let other = if kind == "following" { row.followee_id } else { row.follower_id };
            ExportedRow {
                cursor: other.0,
                row: json!({ "user_id": other, "active": row.active, "since": row.created_at }),
                file: None,
            }
        });
        Ok(exported.collect())
    }
}

/// Exports the people whom a person mutes or has muted.
async fn export_mutes(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<ExportedRow>, DbErr> {
    let rows = export::page_mutes(db, user, after, limit).await?.into_iter().map(|row| ExportedRow {
        cursor: row.muted_id.0,
        row: json!({ "user_id": row.muted_id, "active": row.active, "since": row.created_at }),
        file: None,
    });
    Ok(rows.collect())
}

/// Exports the people whom a person blocks or has blocked. By whom the person is blocked stays secret.
async fn export_blocks(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<ExportedRow>, DbErr> {
    let rows = personal_blocks::page_by(db, user, after, limit).await?.into_iter().map(|row| ExportedRow {
        cursor: row.blocked_id.0,
        row: json!({ "user_id": row.blocked_id, "active": !row.deleted }),
        file: None,
    });
    Ok(rows.collect())
}

/// Exports the choices of a person about notifications, which are one row.
async fn export_settings(db: &Reads, user: UserId, after: i64) -> Result<Vec<ExportedRow>, DbErr> {
    let settings = notification_settings::find(db, user).await?;
    if after > 0 || settings == Settings::default() {
        return Ok(Vec::new());
    }
    let row = json!({ "read_up_to": settings.read_up_to, "muted": settings.muted });
    Ok(vec![ExportedRow { cursor: 1, row, file: None }])
}
