//! The SQL statements on the table `comments`, and the conditions that say which comments are visible and which are
//! counted.

use std::collections::HashMap;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
};
use shared::db::{insert_rows_returning, pad_to_power_of_two};
use shared::http::Page;
use shared::ids::{UserId, UserIds};
use shared::work::Tx;

use super::{posts, users};
use crate::db::entities::comments::{ActiveModel, Column, Entity, Model};
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;

/// The condition for a comment that is neither deleted by its author nor removed by an admin.
fn not_deleted() -> Condition {
    Condition::all().add(Column::DeletedAt.is_null()).add(Column::RemovedAt.is_null())
}

/// The condition for a visible comment: neither deleted nor removed, and by a visible author.
fn shown() -> Condition {
    not_deleted().add(Column::AuthorId.in_subquery(users::visible_ids()))
}

/// The same condition, for use below an OR: there Postgres would read all visible people before the first comment.
fn shown_one_by_one() -> Condition {
    not_deleted().add(users::is_visible_id((Entity, Column::AuthorId)))
}

/// The condition for a comment that `comment_count` counts: it is neither deleted nor removed, and its author is not in
/// `hidden`, a subquery of user ids.
pub(crate) fn counted_without(hidden: SelectStatement) -> Condition {
    not_deleted().add(Column::AuthorId.not_in_subquery(hidden))
}

/// The condition for a comment that somebody has answered, whatever became of the answer. Such a comment keeps its
/// place in the list when it is not visible any more, so that the answers below it still hang together.
fn answered() -> SimpleExpr {
    let answer = Alias::new("answer");
    let answers = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, answer.clone())
        .and_where(Expr::col((answer, Column::ReplyTo)).equals((Entity, Column::Id)))
        .take();
    Expr::exists(answers)
}

/// Reads a page of a post's comments, oldest first, each with its author's username. A comment without a username is
/// not visible, and keeps the place of a comment that was answered.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    post: PostId,
    page: &Page,
) -> Result<Vec<(Model, Option<String>)>, DbErr> {
    let mut query = Entity::find()
        .filter(Condition::any().add(shown_one_by_one()).add(answered()))
        .filter(Column::PostId.eq(post))
        .order_by_asc(Column::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(db).await?;
    let names = users::visible_usernames(db, rows.iter().map(|row| row.author_id)).await?;
    let name = |row: &Model| {
        let is_gone = row.deleted_at.is_some() || row.removed_at.is_some();
        names.get(&row.author_id).filter(|_| !is_gone).cloned()
    };
    let named = rows.into_iter().map(|row| {
        let name = name(&row);
        (row, name)
    });
    Ok(named.collect())
}

/// The fields of a comment that is about to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewComment {
    pub(crate) post: PostId,
    pub(crate) post_author: UserId,
    pub(crate) author: UserId,
    pub(crate) content: String,
    /// The comment that is answered; `None` for a comment on the post itself.
    pub(crate) parent: Option<Model>,
}

/// Inserts comments with version 1. The rows are returned in any order.
pub(crate) async fn insert(tx: &Tx, new: Vec<NewComment>) -> Result<Vec<Model>, DbErr> {
    let now = tx.clock().now();
    let rows = new.into_iter().map(|new| ActiveModel {
        id: NotSet,
        version: Set(1),
        post_id: Set(new.post),
        post_author_id: Set(new.post_author),
        author_id: Set(new.author),
        reply_to: Set(new.parent.as_ref().map(|parent| parent.id)),
        depth: Set(new.parent.as_ref().map_or(1, |parent| parent.depth + 1)),
        answered: Set(new.parent.map(authors_from_the_top)),
        content: Set(Some(new.content)),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        removed_at: Set(None),
        decision_version: Set(0),
    });
    insert_rows_returning(tx, rows.collect(), None).await
}

/// Lists the author of a comment after the authors of the comments above it, each once.
fn authors_from_the_top(comment: Model) -> UserIds {
    let mut authors = comment.answered.unwrap_or_default();
    if !authors.0.contains(&comment.author_id) {
        authors.0.push(comment.author_id);
    }
    authors
}

/// Reads the visible comments among `ids`, by their ids.
pub(crate) async fn find_shown(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = CommentId>,
) -> Result<HashMap<CommentId, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).filter(shown()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Changes the content of a visible comment of `author`. Returns the comment, and false when it had this content
/// already: nothing was written then, and nothing must be published.
///
/// # Errors
/// [`Error::PostNotFound`], [`Error::CommentNotFound`] or [`Error::NotTheAuthor`] when there is no such comment;
/// [`Error::Db`] when a statement fails.
pub(crate) async fn update(
    tx: &Tx,
    post: PostId,
    id: CommentId,
    author: UserId,
    content: String,
) -> Result<(Model, bool), Error> {
    let owned = owned_by(post, id, author).add(shown());
    let same = owned.clone().add(Column::Content.eq(&content));
    if let Some(row) = Entity::find().filter(same).one(&**tx).await? {
        return Ok((row, false));
    }
    let query = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(tx.clock().now()))
        .col_expr(Column::Content, Expr::value(content));
    Ok((update_owned(tx, query, owned, post, id).await?, true))
}

/// Deletes a comment of `author` for good, even while it is not visible. The row loses its content, and keeps its key
/// with the next version.
///
/// # Errors
/// [`Error::PostNotFound`], [`Error::CommentNotFound`] or [`Error::NotTheAuthor`] when there is no such comment;
/// [`Error::Db`] when a statement fails.
pub(crate) async fn delete(tx: &Tx, post: PostId, id: CommentId, author: UserId) -> Result<Model, Error> {
    let query = Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(Column::Content, Expr::value(Option::<String>::None));
    let owned = owned_by(post, id, author).add(Column::DeletedAt.is_null());
    update_owned(tx, query, owned, post, id).await
}

/// The condition for this comment on this post.
fn has_id(post: PostId, id: CommentId) -> Condition {
    Condition::all().add(Column::Id.eq(id)).add(Column::PostId.eq(post))
}

/// The condition for this comment, if it is this author's.
fn owned_by(post: PostId, id: CommentId, author: UserId) -> Condition {
    has_id(post, id).add(Column::AuthorId.eq(author))
}

/// Runs an update of the comment that meets the condition `owned`, and returns the changed row. If no comment meets it,
/// the reason is looked up afterwards and returned as the error.
async fn update_owned(
    tx: &Tx,
    query: UpdateMany<Entity>,
    owned: Condition,
    post: PostId,
    id: CommentId,
) -> Result<Model, Error> {
    if let Some(row) = query.filter(owned).exec_with_returning(&**tx).await?.pop() {
        return Ok(row);
    }
    posts::require_shown(&**tx, post).await?;
    let found = Entity::find().filter(has_id(post, id)).filter(shown()).one(&**tx).await?;
    Err(if found.is_some() { Error::NotTheAuthor } else { Error::CommentNotFound })
}
