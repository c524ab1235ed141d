//! The export of the decisions about a person, and about what the person has written.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::audit;

/// The decisions about people.
pub(crate) struct ExportedDecisions;

#[async_trait]
impl ExportedData for ExportedDecisions {
    const KINDS: &'static [&'static str] = &["decisions"];

    async fn page(
        &self,
        db: &Reads,
        _kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr> {
        let rows = audit::page_about(db, user, after, limit).await?.into_iter();
        // The admin's name is not the person's data.
        let exported = rows.map(|entry| ExportedRow {
            cursor: entry.id,
            row: json!({
                "at": entry.at,
                "action": entry.action,
                "target": entry.target_kind,
                "target_id": entry.target_id,
                "reason": entry.reason,
            }),
            file: None,
        });
        Ok(exported.collect())
    }
}
