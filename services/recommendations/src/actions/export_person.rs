//! The export of the likes by which recommendations are computed. They are copies of those in posts.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde_json::json;
use shared::db::Reads;
use shared::export::{ExportedData, ExportedRow};
use shared::ids::UserId;

use crate::db::queries::likes;

/// The copied likes of people.
pub(crate) struct ExportedLikes;

#[async_trait]
impl ExportedData for ExportedLikes {
    const KINDS: &'static [&'static str] = &["likes"];

    async fn page(
        &self,
        db: &Reads,
        _kind: &str,
        user: UserId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<ExportedRow>, DbErr> {
        let rows = likes::page_of(db, user, after, limit).await?.into_iter();
        let row = |post: i64| ExportedRow { cursor: post, row: json!({ "post_id": post }), file: None };
        Ok(rows.map(|like| row(like.post_id.0)).collect())
    }
}
