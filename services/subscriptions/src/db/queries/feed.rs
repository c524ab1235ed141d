//! The feed: posts of the followed, from new to old.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::http::Page;
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

/// A page of somebody's feed. Visibility is decided now, by the copies as they are.
pub(crate) async fn page(db: &impl ConnectionTrait, reader: UserId, page: &Page) -> Result<Vec<Shown>, DbErr> {
    use posts::Column as C;
    let mut query = posts::Entity::find()
        .filter(C::Deleted.eq(false))
        .filter(C::AuthorId.in_subquery(subscriptions::followed_by(reader)))
        .filter(C::AuthorId.in_subquery(users::visible()))
        .filter(C::AuthorId.ne(reader))
        .order_by_desc(C::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(C::Id.lt(after));
    }
    let rows = query.all(db).await?;
    let authors = users::find(db, rows.iter().filter_map(|row| row.author_id)).await?;
    let counts = counts::Entity::find().filter(counts::Column::Id.is_in(rows.iter().map(|row| row.id))).all(db).await?;
    let mut counts: HashMap<PostId, counts::Model> = counts.into_iter().map(|row| (row.id, row)).collect();
    let shown = rows.into_iter().filter_map(|post| {
        let author = authors.get(&post.author_id?)?.clone();
        let counts = counts.remove(&post.id);
        Some(Shown { post, author, counts })
    });
    Ok(shown.collect())
}
