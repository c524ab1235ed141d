//! Comments.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, SelectStatement};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::{Reads, Tx, insert_rows_returning};
use shared::events::{Key, Source, State};
use shared::http::Page;
use shared::ids::UserId;

use super::{posts, users};
use crate::db::entities::comments::{ActiveModel, Column, Entity, Model};
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;

/// Neither deleted nor removed.
fn there() -> Condition {
    Condition::all().add(Column::DeletedAt.is_null()).add(Column::RemovedAt.is_null())
}

/// Comments that are shown: neither deleted nor removed, by a visible author.
fn shown() -> Condition {
    there().add(Column::AuthorId.in_subquery(users::visible_ids()))
}

/// Comments that count: neither deleted nor removed, but for those of these hidden people.
pub(crate) fn counted(hidden: SelectStatement) -> Condition {
    there().add(Column::AuthorId.not_in_subquery(hidden))
}

/// A page of a post's comments with their authors' names, oldest first.
pub(crate) async fn list(db: &impl ConnectionTrait, post: PostId, page: &Page) -> Result<Vec<(Model, String)>, DbErr> {
    let mut query =
        Entity::find().filter(shown()).filter(Column::PostId.eq(post)).order_by_asc(Column::Id).limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(db).await?;
    let names = users::usernames(db, rows.iter().map(|row| row.author_id)).await?;
    Ok(rows.into_iter().filter_map(|row| names.get(&row.author_id).cloned().map(|name| (row, name))).collect())
}

/// What a comment is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewComment {
    pub(crate) post: PostId,
    pub(crate) author: UserId,
    pub(crate) content: String,
}

/// Stores comments. The rows come in any order.
pub(crate) async fn insert(tx: &Tx, new: Vec<NewComment>) -> Result<Vec<Model>, DbErr> {
    let now = tx.clock().now();
    let rows = new.into_iter().map(|new| ActiveModel {
        id: NotSet,
        version: Set(1),
        post_id: Set(new.post),
        author_id: Set(new.author),
        content: Set(Some(new.content)),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        removed_at: Set(None),
        decision_version: Set(0),
    });
    insert_rows_returning(tx, rows.collect(), None).await
}

/// Changes a comment of this author. Answers whether anything changed.
pub(crate) async fn update(
    tx: &Tx,
    post: PostId,
    id: CommentId,
    author: UserId,
    content: String,
) -> Result<(Model, bool), Error> {
    let mine = this(post, id).add(shown()).add(Column::AuthorId.eq(author));
    let same = mine.clone().add(Column::Content.eq(&content));
    if let Some(row) = Entity::find().filter(same).one(&**tx).await? {
        return Ok((row, false));
    }
    let query = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(tx.clock().now()))
        .col_expr(Column::Content, Expr::value(content));
    let row = query.filter(mine).exec_with_returning(&**tx).await?.pop();
    Ok((own(tx, row, post, id).await?, true))
}

/// Deletes a comment of this author for good, shown or not.
pub(crate) async fn delete(tx: &Tx, post: PostId, id: CommentId, author: UserId) -> Result<Model, Error> {
    let query = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(Column::Content, Expr::value(Option::<String>::None));
    let mine = this(post, id).add(Column::AuthorId.eq(author)).add(Column::DeletedAt.is_null());
    let row = query.filter(mine).exec_with_returning(&**tx).await?.pop();
    own(tx, row, post, id).await
}

fn this(post: PostId, id: CommentId) -> Condition {
    Condition::all().add(Column::Id.eq(id)).add(Column::PostId.eq(post))
}

/// The comment that was changed, or why it was not.
async fn own(tx: &Tx, changed: Option<Model>, post: PostId, id: CommentId) -> Result<Model, Error> {
    if let Some(row) = changed {
        return Ok(row);
    }
    posts::require(&**tx, post).await?;
    let found = Entity::find().filter(this(post, id)).filter(shown()).one(&**tx).await?;
    Err(if found.is_some() { Error::NotTheAuthor } else { Error::CommentNotFound })
}

/// Applies a moderation decision if it is newer than the last one. `None`: it is not, or there is no such comment.
pub(crate) async fn decide(tx: &Tx, id: CommentId, decision: i64, removed: bool) -> Result<Option<Model>, DbErr> {
    let rows = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::DecisionVersion, Expr::value(decision))
        .col_expr(Column::RemovedAt, Expr::value(removed.then(|| tx.clock().now())))
        .filter(Column::Id.eq(id))
        .filter(Column::DecisionVersion.lt(decision))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// A comment as it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommentState {
    id: CommentId,
    version: i64,
    deleted: bool,
    /// Of a tombstone alone: an admin removed it and may restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<bool>,
    post_id: Option<PostId>,
    author_id: Option<UserId>,
    content: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl State for CommentState {
    const STREAM: &'static str = "comment";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CommentState {
    fn from(row: Model) -> Self {
        let deleted = row.deleted_at.is_some() || row.removed_at.is_some();
        Self {
            id: row.id,
            version: row.version,
            deleted,
            removed: deleted.then_some(row.deleted_at.is_none()),
            post_id: (!deleted).then_some(row.post_id),
            author_id: (!deleted).then_some(row.author_id),
            content: row.content.filter(|_| !deleted),
            created_at: (!deleted).then_some(row.created_at),
            updated_at: (!deleted).then_some(row.updated_at),
        }
    }
}

/// The stream `comment`.
pub(crate) struct Comments;

#[async_trait]
impl Source for Comments {
    type State = CommentState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<CommentState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<CommentState>, DbErr> {
        let rows = Entity::find().filter(Column::Id.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }
}
