//! The SQL statements on the table `posts`, and the condition that says which posts are visible.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, SimpleExpr, Value};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationDef, Select, UpdateMany,
};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;
use shared::pictures::Pictures;
use shared::work::Tx;

use super::users::{visible, visible_ids};
use crate::db::entities::{counts, posts, users};
use crate::domain::ids::PostId;
use crate::error::Error;

/// A visible post, with its counters and its author's username.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct ShownPost {
    #[sea_orm(nested)]
    pub(crate) post: posts::Model,
    #[sea_orm(nested)]
    pub(crate) counts: counts::Model,
    /// The author's username.
    #[sea_orm(from_expr = "Expr::col((users::Entity, users::Column::Username))")]
    pub(crate) author: String,
}

/// The fields of a post that is about to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewPost {
    pub(crate) title: String,
    pub(crate) content: String,
    /// The pictures; `None` when the post has none.
    pub(crate) images: Option<Pictures>,
    /// The name of the first picture in the media store.
    pub(crate) image_name: Option<String>,
}

/// The new values of a post's fields. A field that is `None` stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct PostChanges {
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    /// The pictures and the name of the first one, in the form of [`super::pictures::columns_of_post`].
    pub(crate) images: Option<(Option<Pictures>, Option<String>)>,
}

impl PostChanges {
    /// True when the post has all these values already.
    fn are_in(&self, row: &posts::Model) -> bool {
        let same_images =
            |(images, name): &(Option<Pictures>, Option<String>)| (images, name) == (&row.images, &row.image_name);
        (self.title.is_none() || self.title == row.title)
            && (self.content.is_none() || self.content == row.content)
            && self.images.as_ref().is_none_or(same_images)
    }
}

/// The condition for a post that is neither deleted by its author nor removed by an admin.
fn not_deleted() -> Condition {
    Condition::all().add(posts::Column::DeletedAt.is_null()).add(posts::Column::RemovedAt.is_null())
}

/// Selects the visible posts: neither deleted nor removed, and by a visible author whose name is known.
fn select_shown() -> Select<posts::Entity> {
    use posts::{Column as C, Entity};
    let author: RelationDef = Entity::belongs_to(users::Entity).from(C::AuthorId).to(users::Column::Id).into();
    let counters: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::PostId).into();
    Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::InnerJoin, counters)
        .filter(not_deleted())
        .filter(visible())
        .filter(users::Column::Username.is_not_null())
}

/// The condition that the post with the id in this column is visible.
pub(crate) fn is_shown(id: impl IntoColumnRef) -> SimpleExpr {
    let same = Expr::col((posts::Entity, posts::Column::Id)).equals(id);
    let post = select_shown().filter(same).select_only().column(posts::Column::Id).into_query();
    Expr::exists(post)
}

/// Reads one visible post.
///
/// # Errors
/// [`Error::PostNotFound`] when the post does not exist or is not visible; [`Error::Db`] when a statement fails.
pub(crate) async fn find(db: &impl ConnectionTrait, id: PostId) -> Result<ShownPost, Error> {
    let query = select_shown().filter(posts::Column::Id.eq(id)).into_partial_model();
    query.one(db).await?.ok_or(Error::PostNotFound)
}

/// Reads the visible posts among `ids`, in any order.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<ShownPost>, DbErr> {
    select_shown().filter(posts::Column::Id.is_in(pad_to_power_of_two(ids))).into_partial_model().all(db).await
}

/// Reads the visible posts among `ids`, in the order of `ids`.
pub(crate) async fn find_in_order(db: &impl ConnectionTrait, ids: Vec<PostId>) -> Result<Vec<ShownPost>, DbErr> {
    let rows = find_all(db, ids.iter().copied()).await?;
    let mut rows: HashMap<PostId, ShownPost> = rows.into_iter().map(|row| (row.post.id, row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// Checks that a post is visible, without reading its content.
///
/// # Errors
/// [`Error::PostNotFound`] when the post is not visible; [`Error::Db`] when a statement fails.
pub(crate) async fn require_shown(db: &impl ConnectionTrait, id: PostId) -> Result<(), Error> {
    let found = select_shown().filter(posts::Column::Id.eq(id)).select_only().column(posts::Column::Id);
    let found: Option<PostId> = found.into_tuple().one(db).await?;
    found.map(|_| ()).ok_or(Error::PostNotFound)
}

/// Reads up to `limit` visible posts, newest first, all older than `below` if it is given. With `author`, only this
/// person's posts are read.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    author: Option<UserId>,
    below: Option<i64>,
    limit: u64,
) -> Result<Vec<ShownPost>, DbErr> {
    let mut query = select_shown().order_by_desc(posts::Column::Id).limit(limit);
    if let Some(author) = author {
        query = query.filter(posts::Column::AuthorId.eq(author));
    }
    if let Some(below) = below {
        query = query.filter(posts::Column::Id.lt(below));
    }
    query.into_partial_model().all(db).await
}

/// Inserts a post and its counters, both with version 1.
pub(crate) async fn insert(tx: &Tx, author: UserId, new: NewPost) -> Result<(posts::Model, counts::Model), DbErr> {
    let now = tx.clock().now();
    let row = posts::ActiveModel {
        id: NotSet,
        version: Set(1),
        author_id: Set(author),
        title: Set(Some(new.title)),
        content: Set(Some(new.content)),
        image_name: Set(new.image_name),
        images: Set(new.images),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        removed_at: Set(None),
        decision_version: Set(0),
    };
    let post = posts::Entity::insert(row).exec_with_returning(&**tx).await?;
    let row = counts::ActiveModel {
        post_id: Set(post.id),
        version: Set(1),
        like_count: Set(0),
        comment_count: Set(0),
        view_count: Set(0),
    };
    let counts = counts::Entity::insert(row).exec_with_returning(&**tx).await?;
    Ok((post, counts))
}

/// Changes a visible post of `author`; with `version`, only if the post still has this version. Returns the post, and
/// false when the fields had these values already: nothing was written then, and nothing must be published.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::NotTheAuthor`] when there is no such post; [`Error::VersionMismatch`] when it
/// has another version than `version`; [`Error::Db`] when a statement fails.
pub(crate) async fn update(
    tx: &Tx,
    id: PostId,
    author: UserId,
    version: Option<i64>,
    changes: PostChanges,
) -> Result<(posts::Model, bool), Error> {
    let owned = shown_of(id, author);
    let same = posts::Entity::find().filter(owned.clone()).filter(has_version(version));
    if let Some(row) = same.one(&**tx).await?.filter(|row| changes.are_in(row)) {
        return Ok((row, false));
    }
    let PostChanges { title, content, images } = changes;
    let mut query = posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::UpdatedAt, Expr::value(tx.clock().now()));
    if let Some(title) = title {
        query = query.col_expr(posts::Column::Title, Expr::value(title));
    }
    if let Some(content) = content {
        query = query.col_expr(posts::Column::Content, Expr::value(content));
    }
    if let Some((images, name)) = images {
        query = with_images(query, images, name);
    }
    Ok((update_owned(tx, query, id, owned, version).await?, true))
}

/// Adds the pictures to an update, and the name of the first one.
fn with_images(
    query: UpdateMany<posts::Entity>,
    images: Option<Pictures>,
    name: Option<String>,
) -> UpdateMany<posts::Entity> {
    let images = images.map_or(Value::Json(None), Value::from);
    query.col_expr(posts::Column::Images, Expr::value(images)).col_expr(posts::Column::ImageName, Expr::value(name))
}

/// Locks a visible post of `author` until the transaction ends, and returns it.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::NotTheAuthor`] when there is no such post; [`Error::Db`] when a statement fails.
pub(crate) async fn lock_owned(tx: &Tx, id: PostId, author: UserId) -> Result<posts::Model, Error> {
    let row = posts::Entity::find().filter(shown_of(id, author)).lock_exclusive().one(&**tx).await?;
    match row {
        Some(row) => Ok(row),
        None => {
            find(&**tx, id).await?;
            Err(Error::NotTheAuthor)
        }
    }
}

/// Locks any post until the transaction ends, and returns it. `None` when it does not exist.
pub(crate) async fn lock_any(tx: &Tx, id: PostId) -> Result<Option<posts::Model>, DbErr> {
    posts::Entity::find_by_id(id).lock_exclusive().one(&**tx).await
}

/// Finds a post with a picture that is not measured yet: one from before there were several pictures.
pub(crate) async fn find_unmeasured(db: &impl ConnectionTrait) -> Result<Option<posts::Model>, DbErr> {
    let unmeasured = posts::Entity::find()
        .filter(posts::Column::ImageName.is_not_null())
        .filter(posts::Column::Images.is_null())
        .order_by_asc(posts::Column::Id);
    unmeasured.one(db).await
}

/// Stores the pictures of a post that was not measured, as its next version, and returns the row.
pub(crate) async fn store_measured(
    tx: &Tx,
    id: PostId,
    images: Pictures,
    name: Option<String>,
) -> Result<Vec<posts::Model>, DbErr> {
    let next = Expr::col(posts::Column::Version).add(1);
    let query = posts::Entity::update_many().col_expr(posts::Column::Version, next);
    with_images(query, Some(images), name).filter(posts::Column::Id.eq(id)).exec_with_returning(&**tx).await
}

/// Deletes a post of `author` for good, even while it is not visible; with `version`, only if the post still has this
/// version. The row loses its content, and keeps its key with the next version, because a copy that receives an older
/// state later must still find a newer version (rule R6 of `docs/convergence.md`).
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::NotTheAuthor`] when there is no such post; [`Error::VersionMismatch`] when it
/// has another version than `version`; [`Error::Db`] when a statement fails.
pub(crate) async fn delete(tx: &Tx, id: PostId, author: UserId, version: Option<i64>) -> Result<posts::Model, Error> {
    let nothing = Expr::value(Option::<String>::None);
    let query = posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(posts::Column::Title, nothing.clone())
        .col_expr(posts::Column::Content, nothing);
    let query = with_images(query, None, None);
    update_owned(tx, query, id, owned_by(id, author).add(posts::Column::DeletedAt.is_null()), version).await
}

/// The condition for this post, if it is this author's.
fn owned_by(id: PostId, author: UserId) -> Condition {
    Condition::all().add(posts::Column::Id.eq(id)).add(posts::Column::AuthorId.eq(author))
}

/// The condition for this post, if it is this author's and visible.
fn shown_of(id: PostId, author: UserId) -> Condition {
    owned_by(id, author).add(not_deleted()).add(posts::Column::AuthorId.in_subquery(visible_ids()))
}

/// The condition for a post with this version; `None` accepts any.
fn has_version(version: Option<i64>) -> Condition {
    Condition::all().add_option(version.map(|version| posts::Column::Version.eq(version)))
}

/// Runs an update of the post that meets the condition `owned` and has this version, and returns the changed row.
///
/// Ownership is a condition of the update itself, so that no other transaction can come between a check and the write.
/// If no row was changed, the reason is looked up afterwards and returned as the error.
async fn update_owned(
    tx: &Tx,
    query: UpdateMany<posts::Entity>,
    id: PostId,
    owned: Condition,
    version: Option<i64>,
) -> Result<posts::Model, Error> {
    let updated = query.filter(owned.clone()).filter(has_version(version)).exec_with_returning(&**tx).await?.pop();
    if let Some(row) = updated {
        return Ok(row);
    }
    if posts::Entity::find().filter(owned).one(&**tx).await?.is_some() {
        return Err(Error::VersionMismatch);
    }
    find(&**tx, id).await?;
    Err(Error::NotTheAuthor)
}

/// Reads the version of a post of `author`, visible or not. `None` when the author has deleted it, when it is somebody
/// else's, or when it does not exist.
pub(crate) async fn owned_version(tx: &Tx, id: PostId, author: UserId) -> Result<Option<i64>, DbErr> {
    let owned = owned_by(id, author).add(posts::Column::DeletedAt.is_null());
    posts::Entity::find().filter(owned).select_only().column(posts::Column::Version).into_tuple().one(&**tx).await
}

/// True when a visible post has the picture with this name.
pub(crate) async fn is_image_shown(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let post = select_shown().filter(posts::Column::ImageName.eq(name));
    let post: Option<PostId> = post.select_only().column(posts::Column::Id).into_tuple().one(db).await?;
    Ok(post.is_some())
}

/// Returns those of `names` that are pictures to which a post refers. Removed posts count too, since they may be
/// restored.
pub(crate) async fn images_in_use(db: &impl ConnectionTrait, names: &[String]) -> Result<HashSet<String>, DbErr> {
    let names = names.iter().map(String::as_str);
    let found: Vec<String> = posts::Entity::find()
        .select_only()
        .column(posts::Column::ImageName)
        .filter(posts::Column::ImageName.is_in(names))
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().collect())
}
