//! The stream `like`: pairs of a person and a post, active or taken back.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Source, State};
use shared::ids::UserId;

use crate::db::entities::likes::{Column, Entity, Model};
use crate::domain::ids::PostId;

/// The public state of a like. Its key is the pair of person and post; `deleted` means that the like was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LikeState {
    user_id: UserId,
    post_id: PostId,
    version: i64,
    deleted: bool,
    /// The author of the post; absent in a like that was taken back, as is the time.
    post_author_id: Option<UserId>,
    /// The time of the person's first like of this post.
    created_at: Option<Timestamp>,
}

impl State for LikeState {
    const STREAM: &'static str = "like";

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for LikeState {
    fn from(row: Model) -> Self {
        Self {
            user_id: row.user_id,
            post_id: row.post_id,
            version: row.version,
            deleted: !row.active,
            post_author_id: row.active.then_some(row.post_author_id),
            created_at: row.active.then_some(row.created_at),
        }
    }
}

/// Reads the states of likes for the services that keep copies.
pub(crate) struct LikeSource;

#[async_trait]
impl Source for LikeSource {
    type State = LikeState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<LikeState>, DbErr> {
        let mut query = Entity::find().order_by_asc(Column::UserId).order_by_asc(Column::PostId).limit(limit);
        if let Some(after) = after {
            // The two columns are compared as one pair, so that the index of the primary key yields the rows without
            // sorting.
            let columns = Expr::tuple([Expr::col(Column::UserId), Expr::col(Column::PostId)]);
            query = query.filter(columns.gt(Expr::tuple([Expr::value(after.first()), Expr::value(after.second())])));
        }
        Ok(query.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<LikeState>, DbErr> {
        let any = keys.iter().fold(Condition::any(), |any, key| {
            any.add(Condition::all().add(Column::UserId.eq(key.first())).add(Column::PostId.eq(key.second())))
        });
        Ok(Entity::find().filter(any).all(db).await?.into_iter().map(Into::into).collect())
    }
}
