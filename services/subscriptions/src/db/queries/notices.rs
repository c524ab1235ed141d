//! The SQL statements on the table `notices`, which is derived from the copies of posts and comments.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::db::{insert_rows, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use super::{posts, users};
use crate::db::entities::comments;
use crate::db::entities::notices::{ActiveModel, Column, Entity, Model};
use crate::domain::notices::{Kind, Notice, Place, Position, Recipient};

/// Stores notices. Those of the posts and comments at the places in `changed` are deleted before.
pub(crate) async fn replace(tx: &Tx, changed: Vec<Place>, notices: Vec<Notice>) -> Result<(), DbErr> {
    if !changed.is_empty() {
        let places = pad_to_power_of_two(changed.into_iter().map(|place| place.0));
        Entity::delete_many().filter(Column::Place.is_in(places)).exec(&**tx).await?;
    }
    let rows = notices.into_iter().map(|notice| ActiveModel {
        place: Set(notice.place.0),
        recipient: Set(notice.recipient),
        kind: Set(notice.kind.name().to_owned()),
        actor_id: Set(notice.actor),
        post_id: Set(notice.post),
        created_at: Set(notice.at),
    });
    // The same state may be applied again.
    let keep = OnConflict::columns([Column::Place, Column::Recipient]).do_nothing().to_owned();
    insert_rows(&**tx, rows.collect(), Some(keep)).await
}

/// Finds up to `limit` notices of a recipient that are older than `before` and newer than `since`, newest first.
///
/// They are of visible posts and comments, by visible people other than `person`. Left out are people whom `person` has
/// muted, people with a block between `person` and them or the post's author, and the kinds in `muted`.
pub(crate) async fn find_older(
    db: &impl ConnectionTrait,
    person: UserId,
    recipient: &Recipient<'_>,
    muted: &[Kind],
    (before, since): (Position, Option<Timestamp>),
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::Recipient.eq(recipient.key()))
        .filter(is_older(before))
        .filter(Column::ActorId.ne(person))
        .filter(users::is_heard_by(person, (Entity, Column::ActorId)))
        .filter(posts::is_shown_to(person, (Entity, Column::PostId)))
        .filter(is_comment_shown())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Place)
        .limit(limit);
    if !muted.is_empty() {
        query = query.filter(Column::Kind.is_not_in(muted.iter().map(|kind| kind.name())));
    }
    if let Some(since) = since {
        query = query.filter(Column::CreatedAt.gt(since));
    }
    query.all(db).await
}

/// The condition for a notice that is older than a position. The two columns are compared as one pair, so that the
/// index yields the rows without sorting.
fn is_older(than: Position) -> SimpleExpr {
    let columns = Expr::tuple([Expr::col((Entity, Column::CreatedAt)), Expr::col((Entity, Column::Place))]);
    columns.lt(Expr::tuple([Expr::value(than.at), Expr::value(than.place.0)]))
}

/// The condition that the notice is one of a post, or of a comment that is not deleted.
fn is_comment_shown() -> Condition {
    // See `Place`: four times the comment's id. A post's place is one more than a multiple of four.
    let id = Expr::col((Entity, Column::Place)).div(4_i64);
    let comment: SelectStatement = Query::select()
        .expr(Expr::val(1))
        .from(comments::Entity)
        .and_where(Expr::col((comments::Entity, comments::Column::Id)).eq(id))
        .and_where(comments::Column::Deleted.eq(false))
        .take();
    let is_post = Expr::col((Entity, Column::Place)).modulo(4_i64).ne(0_i64);
    Condition::any().add(is_post).add(Expr::exists(comment))
}
