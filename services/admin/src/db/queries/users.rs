//! What decisions are about: people, posts and comments, as far as they are known here.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::http::Page;

use crate::db::entities::{comments, decisions, posts, users};
use crate::domain::target::Kind;

/// The standing of something with its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Nobody sees it: it is deleted, removed or erased.
    pub(crate) deleted: bool,
    /// Its author has deleted it, which is final.
    pub(crate) gone: bool,
}

/// The standing of something; `None` when it is not known here.
pub(crate) async fn standing(db: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<Option<Standing>, DbErr> {
    // A tombstone that came without saying so may be a removal.
    let of = |deleted: bool, removed: Option<bool>| Standing { deleted, gone: deleted && removed == Some(false) };
    Ok(match kind {
        Kind::User => {
            let row = users::Entity::find().filter(users::Column::Id.eq(id)).one(db).await?;
            row.map(|row| of(row.deleted, None))
        }
        Kind::Post => posts::Entity::find_by_id(id).one(db).await?.map(|row| of(row.deleted, row.removed)),
        Kind::Comment => comments::Entity::find_by_id(id).one(db).await?.map(|row| of(row.deleted, row.removed)),
    })
}

/// A page of people, newest first, with whether their last decision is not reflected by their state yet.
pub(crate) async fn page(db: &impl ConnectionTrait, page: &Page) -> Result<Vec<(users::Model, bool)>, DbErr> {
    let mut query = users::Entity::find().order_by_desc(users::Column::Id).limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(users::Column::Id.lt(after));
    }
    let rows = query.all(db).await?;
    let decided = decisions::Entity::find()
        .filter(decisions::Column::Kind.eq(Kind::User.as_str()))
        .filter(decisions::Column::TargetId.is_in(rows.iter().map(|row| row.id.0)))
        .all(db)
        .await?;
    let hidden: HashMap<i64, bool> = decided.into_iter().map(|row| (row.target_id, row.hidden)).collect();
    let pending = |row: &users::Model| hidden.get(&row.id.0).is_some_and(|hidden| *hidden != row.blocked);
    Ok(rows.into_iter().map(|row| (row.clone(), pending(&row))).collect())
}
