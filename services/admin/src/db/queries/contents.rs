//! The SQL queries of what targets say, from the copies of people, posts and comments.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;

use crate::db::entities::{comments, posts, users};
use crate::domain::content::{Content, Responsible};
use crate::domain::ids::PostId;
use crate::domain::report::Reported;
use crate::domain::target::Kind;

/// A target as its copy describes it.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) is_tombstone: bool,
    /// True for a post or comment that an admin has removed, and for a person who is blocked.
    pub(crate) is_hidden: bool,
    pub(crate) content: Content,
}

const NOTHING: Content = Content {
    author: None,
    post_id: None,
    title: None,
    content: None,
    images: None,
    first_name: None,
    last_name: None,
    bio: None,
    created_at: None,
};

/// An author whose name is not known yet.
fn author(id: UserId) -> Responsible {
    Responsible { id, username: None }
}

impl From<posts::Model> for Copied {
    fn from(row: posts::Model) -> Self {
        let content = Content {
            author: row.author_id.map(author),
            title: row.title,
            content: row.content,
            images: row.images,
            created_at: row.created_at,
            ..NOTHING
        };
        let is_hidden = row.deleted && row.removed == Some(true);
        Self { id: row.id, version: row.version, is_tombstone: row.deleted, is_hidden, content }
    }
}

impl From<comments::Model> for Copied {
    fn from(row: comments::Model) -> Self {
        let content = Content {
            author: row.author_id.map(author),
            post_id: row.post_id.map(PostId),
            content: row.content,
            created_at: row.created_at,
            ..NOTHING
        };
        let is_hidden = row.deleted && row.removed == Some(true);
        Self { id: row.id, version: row.version, is_tombstone: row.deleted, is_hidden, content }
    }
}

impl From<users::Model> for Copied {
    fn from(row: users::Model) -> Self {
        let content = Content {
            author: Some(Responsible { id: row.id, username: row.username }),
            first_name: row.first_name,
            last_name: row.last_name,
            bio: row.bio,
            created_at: row.created_at,
            ..NOTHING
        };
        Self { id: row.id.0, version: row.version, is_tombstone: row.deleted, is_hidden: row.blocked, content }
    }
}

/// Finds targets of one kind with the names of their authors, in any order.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    kind: Kind,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Copied>, DbErr> {
    let ids = pad_to_power_of_two(ids);
    let found: Vec<Copied> = match kind {
        Kind::User => {
            let rows = users::Entity::find().filter(users::Column::Id.is_in(ids)).all(db).await?;
            return Ok(rows.into_iter().map(Copied::from).collect());
        }
        Kind::Post => {
            let rows = posts::Entity::find().filter(posts::Column::Id.is_in(ids)).all(db).await?;
            rows.into_iter().map(Copied::from).collect()
        }
        Kind::Comment => {
            let rows = comments::Entity::find().filter(comments::Column::Id.is_in(ids)).all(db).await?;
            rows.into_iter().map(Copied::from).collect()
        }
    };
    with_names(db, found).await
}

/// The posts or comments that an admin asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// True: only removed ones. False: only shown ones. `None`: all, tombstones included.
    pub(crate) removed: Option<bool>,
    /// Only those with ids below this one.
    pub(crate) after: Option<i64>,
    pub(crate) limit: u64,
}

/// Lists posts, newest first.
pub(crate) async fn list_posts(db: &impl ConnectionTrait, wanted: Wanted) -> Result<Vec<Copied>, DbErr> {
    use posts::{Column, Entity};
    let mut query = Entity::find().order_by_desc(Column::Id).limit(wanted.limit);
    if let Some(after) = wanted.after {
        query = query.filter(Column::Id.lt(after));
    }
    query = match wanted.removed {
        Some(true) => query.filter(Column::Removed.eq(true)),
        Some(false) => query.filter(Column::Deleted.eq(false)),
        None => query,
    };
    let found = query.all(db).await?.into_iter().map(Copied::from).collect();
    with_names(db, found).await
}

/// Lists comments, newest first.
pub(crate) async fn list_comments(db: &impl ConnectionTrait, wanted: Wanted) -> Result<Vec<Copied>, DbErr> {
    use comments::{Column, Entity};
    let mut query = Entity::find().order_by_desc(Column::Id).limit(wanted.limit);
    if let Some(after) = wanted.after {
        query = query.filter(Column::Id.lt(after));
    }
    query = match wanted.removed {
        Some(true) => query.filter(Column::Removed.eq(true)),
        Some(false) => query.filter(Column::Deleted.eq(false)),
        None => query,
    };
    let found = query.all(db).await?.into_iter().map(Copied::from).collect();
    with_names(db, found).await
}

/// Adds the names of authors.
async fn with_names(db: &impl ConnectionTrait, mut found: Vec<Copied>) -> Result<Vec<Copied>, DbErr> {
    let authors = found.iter().filter_map(|one| one.content.author.as_ref()).map(|author| author.id);
    let names = find_names(db, authors).await?;
    for author in found.iter_mut().filter_map(|one| one.content.author.as_mut()) {
        author.username = names.get(&author.id).cloned();
    }
    Ok(found)
}

/// Reads the usernames of people, as far as they are known here.
pub(crate) async fn find_names(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, String>, DbErr> {
    let rows = users::Entity::find()
        .filter(users::Column::Id.is_in(pad_to_power_of_two(ids)))
        .filter(users::Column::Username.is_not_null())
        .select_only()
        .columns([users::Column::Id, users::Column::Username]);
    Ok(rows.into_tuple::<(UserId, String)>().all(db).await?.into_iter().collect())
}

/// Finds what a target says, if people see the target: neither deleted nor removed, and by nobody who is hidden. A comment
/// is seen with its post only.
pub(crate) async fn find_shown(db: &impl ConnectionTrait, target: Reported) -> Result<Option<Content>, DbErr> {
    let Some(found) = find_all(db, target.kind, [target.id]).await?.pop() else { return Ok(None) };
    if found.is_tombstone || !is_author_shown(db, &found).await? {
        return Ok(None);
    }
    if let (Kind::Comment, Some(post)) = (target.kind, found.content.post_id) {
        let Some(post) = find_all(db, Kind::Post, [post.0]).await?.pop() else { return Ok(None) };
        if post.is_tombstone || !is_author_shown(db, &post).await? {
            return Ok(None);
        }
    }
    Ok(Some(found.content))
}

/// Returns whether the author of a target is visible. Somebody who is not known here yet has just come, and is.
async fn is_author_shown(db: &impl ConnectionTrait, found: &Copied) -> Result<bool, DbErr> {
    let Some(author) = &found.content.author else { return Ok(false) };
    let person = users::Entity::find_by_id(author.id).one(db).await?;
    Ok(person.is_none_or(|person| !person.deleted && !person.blocked && person.verified))
}

/// Returns whether the copies hold a post or a comment of a person, shown or removed. What its author has deleted names no
/// author.
pub(crate) async fn has_any_of(db: &impl ConnectionTrait, author: UserId) -> Result<bool, DbErr> {
    let post = posts::Entity::find().filter(posts::Column::AuthorId.eq(author)).one(db).await?;
    let comment = comments::Entity::find().filter(comments::Column::AuthorId.eq(author)).one(db).await?;
    Ok(post.is_some() || comment.is_some())
}
