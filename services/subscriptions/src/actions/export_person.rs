//! The export of the people that a person follows, and of those who follow the person.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::export;

/// The subscriptions of people.
pub(crate) struct ExportedSubscriptions;

#[async_trait]
impl ExportedData for ExportedSubscriptions {
    const KINDS: &'static [&'static str] = &["following", "followers"];

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
            _ => export::page_followers(db, user, after, limit).await?,
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
