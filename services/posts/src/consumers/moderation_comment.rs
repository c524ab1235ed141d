//! Decisions about comments: admin decides, this service applies and publishes the result.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::db::Tx;
use shared::events::{self, ApplyError, Consumer, Key, State};

use crate::db::entities::comments::{Column, Entity, Model};
use crate::db::queries::comments::{self, CommentState};
use crate::db::queries::posts::{self, Change, CountsState};
use crate::domain::ids::{CommentId, PostId};

/// A decision: removed or not, with admin's own version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decision {
    id: CommentId,
    version: i64,
    removed: bool,
}

impl State for Decision {
    const STREAM: &'static str = "moderation.comment";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for Decision {
    fn from(row: Model) -> Self {
        Self { id: row.id, version: row.decision_version, removed: row.removed_at.is_some() }
    }
}

/// Applies decisions to comments.
pub(crate) struct Decisions;

#[async_trait]
impl Consumer for Decisions {
    type State = Decision;

    async fn apply(&self, tx: &mut Tx, decisions: Vec<Decision>) -> Result<(), ApplyError> {
        let mut changed: Vec<CommentState> = Vec::new();
        let mut changes: BTreeMap<PostId, Change> = BTreeMap::new();
        for decision in decisions {
            let Some((row, change)) = comments::decide(tx, decision.id, decision.version, decision.removed).await?
            else {
                continue;
            };
            changes.entry(row.post_id).or_default().comments += change;
            changed.push(row.into());
        }
        let counted = posts::count(tx, changes).await?;
        let counted: Vec<CountsState> = counted.into_iter().map(CountsState::from).collect();
        events::publish(tx, &changed)?;
        Ok(events::publish(tx, &counted)?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<Decision>, DbErr> {
        let rows = Entity::find()
            .filter(Column::Id.gt(after.map_or(0, Key::first)))
            .filter(Column::DecisionVersion.gt(0))
            .order_by_asc(Column::Id)
            .limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn can_apply(&self, db: &DatabaseConnection, key: &Key) -> Result<bool, DbErr> {
        Ok(Entity::find_by_id(CommentId(key.first())).one(db).await?.is_some())
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let row = Entity::update_many()
            .col_expr(Column::DecisionVersion, Expr::value(0_i64))
            .filter(Column::Id.eq(key.first()))
            .filter(Column::DecisionVersion.eq(version));
        row.exec(&**tx).await.map(|_| ())
    }
}
