//! The condition on the table `posts`, the copy of posts, that says which posts are visible, and the reading of titles.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;

use super::users;
use crate::db::entities::posts::{Column, Entity};
use crate::domain::ids::PostId;

/// The condition that the post with the id in this column is visible: known, not deleted, and by a visible author.
pub(crate) fn is_shown(id: impl IntoColumnRef) -> SimpleExpr {
    Expr::exists(select_shown(id))
}

fn select_shown(id: impl IntoColumnRef) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).equals(id))
        .and_where(Column::Deleted.eq(false))
        .and_where(users::is_visible_id((Entity, Column::AuthorId)))
        .take()
}

/// The condition that the post with the id in this column is visible to a person: visible, and no block is between its
/// author and the person.
pub(crate) fn is_shown_to(person: UserId, id: impl IntoColumnRef) -> SimpleExpr {
    let post = select_shown(id).cond_where(users::is_seen_by(person, (Entity, Column::AuthorId))).take();
    Expr::exists(post)
}

/// Reads the titles of posts that are not deleted, by their ids.
pub(crate) async fn find_titles(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<HashMap<PostId, String>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(pad_to_power_of_two(ids)))
        .filter(Column::Title.is_not_null())
        .select_only()
        .columns([Column::Id, Column::Title]);
    Ok(rows.into_tuple::<(PostId, String)>().all(db).await?.into_iter().collect())
}
