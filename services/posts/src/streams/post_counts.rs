//! The stream `post_counts`: the counters of posts, versioned apart from the posts, so that a like does not publish the
//! post again.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::db::Reads;
use shared::events::PublishError;
use shared::events::{self, ApplyError, Key, Source, State};
use shared::work::Tx;

use crate::db::entities::counts::{Column, Entity, Model};
use crate::db::queries::counts;
use crate::domain::ids::PostId;

/// The public state of a post's counters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CountsState {
    /// The post.
    pub(crate) id: PostId,
    pub(crate) version: i64,
    pub(crate) like_count: i64,
    pub(crate) comment_count: i64,
    pub(crate) view_count: i64,
}

impl State for CountsState {
    const STREAM: &'static str = "post_counts";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CountsState {
    fn from(row: Model) -> Self {
        Self {
            id: row.post_id,
            version: row.version,
            like_count: row.like_count,
            comment_count: row.comment_count,
            view_count: row.view_count,
        }
    }
}

/// Counts the likes and comments of posts again, corrects the counters that are wrong, and publishes the corrected
/// ones.
pub(crate) async fn recount<E: From<DbErr> + From<PublishError>>(tx: &mut Tx, posts: Vec<PostId>) -> Result<(), E> {
    let corrected: Vec<CountsState> = counts::recount(tx, posts).await?.into_iter().map(CountsState::from).collect();
    Ok(events::publish(tx, &corrected)?)
}

/// Reads the states of counters for the services that keep copies. For the operator's commands, also finds the counters
/// that differ from the rows that they count, and counts these again.
pub(crate) struct CountsSource;

#[async_trait]
impl Source for CountsSource {
    type State = CountsState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<CountsState>, DbErr> {
        let rows = Entity::find()
            .filter(Column::PostId.gt(after.map_or(0, Key::first)))
            .order_by_asc(Column::PostId)
            .limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<CountsState>, DbErr> {
        let rows = Entity::find().filter(Column::PostId.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    const IS_RECOUNTABLE: bool = true;

    async fn find_miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        let wrong = counts::find_miscounted(db).await?;
        Ok(wrong.into_iter().map(|(post, version)| (post.0.into(), version)).collect())
    }

    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError> {
        recount(tx, keys.iter().map(|key| PostId(key.first())).collect()).await
    }
}
