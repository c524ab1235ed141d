//! The stream `report_outcome`: the reports of people and how they ended, of which subscriptions tells the reporters.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Source, State};
use shared::ids::UserId;

use crate::db::entities::reports::Model;
use crate::db::queries::reports;

/// A report without its words, as it is published. The id is the report's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutcomeState {
    id: i64,
    version: i64,
    reporter_id: UserId,
    /// `post`, `comment` or `user`.
    target_kind: String,
    target_id: i64,
    /// `acted` or `dismissed`; null while the report is open.
    outcome: Option<String>,
    /// The time of the outcome; null while the report is open.
    resolved_at: Option<Timestamp>,
}

impl State for OutcomeState {
    const STREAM: &'static str = "report_outcome";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for OutcomeState {
    fn from(row: Model) -> Self {
        let Model { id, version, reporter_id, target_kind, target_id, outcome, resolved_at, .. } = row;
        Self { id, version, reporter_id, target_kind, target_id, outcome, resolved_at }
    }
}

/// Reads the states of reports for the services that keep copies.
pub(super) struct OutcomeSource;

#[async_trait]
impl Source for OutcomeSource {
    type State = OutcomeState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<OutcomeState>, DbErr> {
        let rows = reports::page(db, after.map_or(0, Key::first), limit).await?;
        Ok(rows.into_iter().map(OutcomeState::from).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<OutcomeState>, DbErr> {
        let rows = reports::find_all(db, keys.iter().map(Key::first)).await?;
        Ok(rows.into_values().map(OutcomeState::from).collect())
    }
}
