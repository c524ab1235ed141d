//! The export of the decisions about a person, and of the person's own reports.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::{audit, reports};

/// The decisions about people, and the reports that people have sent.
pub(crate) struct ExportedDecisions;

#[async_trait]
impl ExportedData for ExportedDecisions {
    const KINDS: &'static [&'static str] = &["decisions", "reports"];

    async fn page(
        &self,
        db: &Reads,
        kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr> {
        if kind == "reports" {
            return export_reports(db, user, after, limit).await;
        }
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

/// Exports the reports of a person. What was reported is not the person's data.
async fn export_reports(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<ExportedRow>, DbErr> {
    let rows = reports::page_by(db, user, after, limit).await?.into_iter();
    let exported = rows.map(|row| ExportedRow {
        cursor: row.id,
        row: json!({
            "at": row.created_at,
            "target": row.target_kind,
            "target_id": row.target_id,
            "reason": row.reason,
            "text": row.note,
            "outcome": row.outcome,
        }),
        file: None,
    });
    Ok(exported.collect())
}
