//! Decisions about comments: admin decides, this service applies and publishes the result.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::db::{Reads, Tx};
use shared::events::{self, ApplyError, Consumer, Key, State};

use crate::db::entities::comments::{Column, Entity, Model};
use crate::db::queries::comments::{self, CommentState};
use crate::db::queries::recounts;
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
        let mut posts: BTreeSet<PostId> = BTreeSet::new();
        for decision in decisions {
            let row = comments::decide(tx, decision.id, decision.version, decision.removed).await?;
            posts.extend(row.as_ref().map(|row| row.post_id));
            changed.extend(row.map(CommentState::from));
        }
        events::publish(tx, &changed)?;
        recounts::recount(tx, posts.into_iter().collect()).await
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Decision>, DbErr> {
        let rows = Entity::find()
            .filter(Column::Id.gt(after.map_or(0, Key::first)))
            .filter(Column::DecisionVersion.gt(0))
            .order_by_asc(Column::Id)
            .limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
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
