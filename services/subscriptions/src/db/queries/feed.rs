//! The feed: posts of the followed, from new to old.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::padded;
use shared::ids::UserId;

use super::{subscriptions, users};
use crate::db::entities::users::Model as User;
use crate::db::entities::{counts, posts};
use crate::domain::ids::PostId;

/// A post with what is shown beside it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) post: posts::Model,
    pub(crate) author: User,
    /// Absent while the counters have not arrived yet.
    pub(crate) counts: Option<counts::Model>,
}

/// The ids of the posts of the followed that are older than `below`, newest first. Visibility is decided now, by the
/// copies as they are.
pub(crate) async fn older(
    db: &impl ConnectionTrait,
    reader: UserId,
    below: Option<PostId>,
    limit: u64,
) -> Result<Vec<PostId>, DbErr> {
    use posts::Column as C;
    let mut query = posts::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::Deleted.eq(false))
        .filter(C::AuthorId.in_subquery(subscriptions::followed_by(reader)))
        .filter(C::AuthorId.in_subquery(users::visible()))
        .order_by_desc(C::Id)
        .limit(limit);
    if let Some(below) = below {
        query = query.filter(C::Id.lt(below));
    }
    query.into_tuple().all(db).await
}

/// Those of these posts that are shown.
pub(crate) async fn shown(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<Shown>, DbErr> {
    use posts::Column as C;
    let rows = posts::Entity::find().filter(C::Id.is_in(padded(ids))).filter(C::Deleted.eq(false)).all(db).await?;
    let authors = users::find(db, padded(rows.iter().filter_map(|row| row.author_id))).await?;
    let ids = padded(rows.iter().map(|row| row.id));
    let counts = counts::Entity::find().filter(counts::Column::Id.is_in(ids)).all(db).await?;
    let mut counts: HashMap<PostId, counts::Model> = counts.into_iter().map(|row| (row.id, row)).collect();
    let shown = rows.into_iter().filter_map(|post| {
        let author = authors.get(&post.author_id?)?.clone();
        let counts = counts.remove(&post.id);
        Some(Shown { post, author, counts })
    });
    Ok(shown.collect())
}
