//! The sessions that have ended while access tokens of theirs may still be valid: the copy of the stream `session_end`.
//!
//! An access token is valid for minutes, and without this copy it would be accepted until then, although its session
//! has ended. A row is needed until the last token of its session has expired, and is deleted afterwards. This is the
//! one exception to the rule that copies keep tombstones for ever (rule R6 in docs/convergence.md): a late state about
//! a session whose tokens have all expired harms nobody.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::entity::prelude::*;
use sea_orm_migration::prelude::{Index, MigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, timestamp_with_time_zone};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::Reads;
use crate::events::{Key, Memory, ProjectionRow, State, load_pages};
use crate::ids::SessionId;
use crate::tasks::Cancel;
use crate::work::Db;

/// The pause between two deletions of expired rows.
const PAUSE: Duration = Duration::from_secs(600);
/// The time for which a row is kept after it has expired. Clocks differ, and a comparison whose clock is behind must
/// still find the row.
const RETENTION: Duration = Duration::from_secs(600);

/// A session that has ended: the state of the stream `session_end`, and the row of its copy.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "ended_sessions")]
pub struct Model {
    /// The id of the session, which its access tokens carry as `sid`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Always 1: a session ends once.
    pub version: i64,
    /// The time at which the last access token of the session has expired.
    pub expires_at: Timestamp,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl State for Model {
    const STREAM: &'static str = "session_end";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

impl ProjectionRow for Model {
    const VERSION: Column = Column::Version;
}

/// The ended sessions that a process has in memory, where every request with a token looks up its session. Clones share
/// the ended sessions.
#[derive(Clone, Debug, Default)]
pub struct EndedSessions(Arc<RwLock<HashMap<SessionId, Timestamp>>>);

impl EndedSessions {
    /// Returns true if the session has ended, as far as this service knows.
    pub fn contains(&self, id: SessionId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Deletes the rows that expired more than ten minutes ago, from the copy and from memory, every ten minutes until
    /// `cancel`.
    pub async fn run_upkeep(self, db: Db, cancel: Cancel) {
        while !cancel.is_cancelled() {
            let before = db.clock().now() - RETENTION;
            if let Err(error) = delete_expired(&db, before).await {
                tracing::warn!(%error, "Ended sessions could not be deleted; trying again later.");
            }
            self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, expires_at| *expires_at > before);
            tokio::select! { () = tokio::time::sleep(PAUSE) => {}, () = cancel.cancelled() => {} }
        }
    }
}

async fn delete_expired(db: &Db, before: Timestamp) -> Result<(), crate::events::ApplyError> {
    let tx = db.begin_consuming().await?;
    Entity::delete_many().filter(Column::ExpiresAt.lte(before)).exec(&*tx).await?;
    Ok(tx.commit().await?)
}

#[async_trait]
impl Memory<Model> for EndedSessions {
    fn remember(&self, rows: &[Model]) {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.extend(rows.iter().map(|row| (row.id, row.expires_at)));
    }

    fn forget(&self, key: &Key) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&SessionId(key.first()));
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        load_pages(self, db).await
    }
}

/// Creates the table `ended_sessions`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "ended_sessions"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("ended_sessions")
            .col(big_integer("id").primary_key())
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        manager.create_table(table).await?;
        let index =
            Index::create().name("ix_ended_sessions_expires_at").table("ended_sessions").col("expires_at").to_owned();
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
