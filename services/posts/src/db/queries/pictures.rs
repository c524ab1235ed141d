//! The SQL statements on the table `pictures`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::pictures::{Picture, PictureSize, Pictures};
use shared::work::Tx;

use super::{posts, users};
use crate::db::entities::pictures::{ActiveModel, Column, Entity, Model};
use crate::db::entities::users::Entity as UserEntity;
use crate::domain::ids::{PictureId, PostId};
use crate::domain::image::{FileName, narrower};
use crate::error::Error;

/// The number of pictures that a person may send within [`DAY`].
const PICTURES_PER_DAY: u64 = 100;
/// The time after which a picture that no post has is removed, and after which a picture no longer counts for the limit.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The time that making the sizes of a picture gets before somebody else may begin.
const LEASE: Duration = Duration::from_secs(10 * 60);
/// The number of times that making the sizes of a picture is begun at most.
const MAX_ATTEMPTS: i64 = 5;
/// The most rows that one statement deletes.
const PAGE: u64 = 200;

/// A picture in the media store.
#[derive(Clone, Debug)]
pub(crate) struct StoredPicture {
    /// The name of its file.
    pub(crate) name: FileName,
    /// The width in pixels.
    pub(crate) width: u32,
    /// The height in pixels.
    pub(crate) height: u32,
}

/// A picture that a post is to have.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The stem of its files.
    pub(crate) stem: String,
    /// The new text of the picture; `None` keeps the one that it has, and the empty text takes it away.
    pub(crate) alt: Option<String>,
}

/// Returns the path under which a file is served.
pub(crate) fn path(name: &FileName) -> String {
    format!("/media/{name}")
}

/// Returns the name of the file of a picture.
pub(crate) fn file_name(row: &Model) -> FileName {
    FileName::of_picture(&row.stem, &row.extension)
}

/// Returns the names of all files of a picture: its own and those of its sizes.
pub(crate) fn file_names(row: &Model) -> Vec<FileName> {
    file_name(row).with_sizes(pixels(row.width))
}

/// Returns a picture as answers and events show it.
pub(crate) fn to_picture(row: &Model) -> Picture {
    let (name, width) = (file_name(row), pixels(row.width));
    let size = |width| PictureSize { url: path(&name.with_width(width)), width };
    Picture {
        id: row.stem.clone(),
        url: path(&name),
        width,
        height: pixels(row.height),
        alt: row.alt.clone(),
        sizes: narrower(width).map(size).collect(),
    }
}

fn pixels(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// Returns the pictures of a post in the form of its columns: the list, and the name of the first one's file. Both are
/// `None` without pictures.
pub(crate) fn columns_of_post(rows: &[Model]) -> (Option<Pictures>, Option<String>) {
    let images = Pictures(rows.iter().map(to_picture).collect());
    (Some(images).filter(|images| !images.0.is_empty()), rows.first().map(|row| file_name(row).to_string()))
}

/// Checks that a person may send another picture. The result is reliable only under [`super::users::lock`], in the
/// transaction that stores the picture; without the lock it merely saves the work of a hopeless request.
///
/// # Errors
/// [`Error::TooManyPictures`] when the person's pictures of the last 24 hours have reached the limit; one that is
/// removed does not count, because its files are gone. [`Error::Db`] when a statement fails.
pub(crate) async fn require_quota(db: &impl ConnectionTrait, now: Timestamp, owner: UserId) -> Result<(), Error> {
    let sent = Entity::find()
        .filter(Column::OwnerId.eq(owner))
        .filter(Expr::col(Column::IsAvatar).not())
        .filter(Column::CreatedAt.gt(now - DAY));
    if sent.count(db).await? < PICTURES_PER_DAY { Ok(()) } else { Err(Error::TooManyPictures) }
}

/// Inserts a picture that was just stored. Its sizes are to be made now.
pub(crate) async fn insert(
    tx: &Tx,
    owner: UserId,
    stored: &StoredPicture,
    alt: Option<String>,
    post: Option<(PostId, Timestamp)>,
) -> Result<Model, DbErr> {
    let row = new_row(tx, owner, stored);
    let row = match post {
        Some((post, at)) => ActiveModel { post_id: Set(Some(post)), created_at: Set(at), ..row },
        None => row,
    };
    let row = ActiveModel { alt: Set(alt.filter(|alt| !alt.is_empty())), ..row };
    Entity::insert(row).exec_with_returning(&**tx).await
}

/// Builds the row of a picture that was just stored. It has no post and no text, and its sizes are to be made now.
fn new_row(tx: &Tx, owner: UserId, stored: &StoredPicture) -> ActiveModel {
    let now = tx.clock().now();
    ActiveModel {
        id: NotSet,
        stem: Set(stored.name.stem.clone()),
        extension: Set(stored.name.extension.to_owned()),
        owner_id: Set(owner),
        post_id: Set(None),
        width: Set(stored.width.into()),
        height: Set(stored.height.into()),
        alt: Set(None),
        created_at: Set(now),
        sizes_due_at: Set(narrower(stored.width).next().map(|_| now)),
        attempts: Set(0),
        is_avatar: Set(false),
    }
}

/// Inserts a picture that was just stored as the avatar of its owner, instead of the former one. Returns the row of the
/// former one, whose file is the caller's to remove. It must be called under [`super::users::lock`].
pub(crate) async fn replace_avatar(tx: &Tx, owner: UserId, stored: &StoredPicture) -> Result<Option<Model>, DbErr> {
    let former = delete_avatar(tx, owner).await?;
    // It is narrower than all sizes, so none are to be made.
    let row = ActiveModel { is_avatar: Set(true), ..new_row(tx, owner, stored) };
    Entity::insert(row).exec_without_returning(&**tx).await?;
    Ok(former)
}

/// Deletes the avatar of a person, and returns its row. Its file is the caller's to remove.
pub(crate) async fn delete_avatar(tx: &Tx, owner: UserId) -> Result<Option<Model>, DbErr> {
    let avatar = Entity::delete_many().filter(Column::OwnerId.eq(owner)).filter(Expr::col(Column::IsAvatar));
    Ok(avatar.exec_with_returning(&**tx).await?.pop())
}

/// Reads the avatar of a person.
pub(crate) async fn find_avatar(db: &impl ConnectionTrait, owner: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::OwnerId.eq(owner)).filter(Expr::col(Column::IsAvatar)).one(db).await
}

/// Finds pictures of a person for a post and locks them until the transaction ends: those that wait for a post, and
/// those that `post` has. They come in the order of `wanted`, with the wanted texts.
///
/// # Errors
/// [`Error::PictureNotFree`] when one of them is not there; [`Error::Db`] when a statement fails.
pub(crate) async fn lock_wanted(
    tx: &Tx,
    owner: UserId,
    post: Option<PostId>,
    wanted: &[Wanted],
) -> Result<Vec<Model>, Error> {
    let stems = wanted.iter().map(|wanted| wanted.stem.as_str());
    let rows = Entity::find()
        .filter(Column::OwnerId.eq(owner))
        .filter(Column::Stem.is_in(stems))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    let rows = if wanted.is_empty() { Vec::new() } else { rows.all(&**tx).await? };
    let free = rows.into_iter().filter(|row| !row.is_avatar && (row.post_id.is_none() || row.post_id == post));
    let mut free: HashMap<String, Model> = free.map(|row| (row.stem.clone(), row)).collect();
    let take = |wanted: &Wanted| {
        let mut row = free.remove(&wanted.stem).ok_or(Error::PictureNotFree)?;
        if let Some(alt) = &wanted.alt {
            row.alt = Some(alt.clone()).filter(|alt| !alt.is_empty());
        }
        Ok(row)
    };
    wanted.iter().map(take).collect()
}

/// Gives these pictures to a post, with their texts.
pub(crate) async fn attach(tx: &Tx, post: PostId, rows: &[Model]) -> Result<(), DbErr> {
    for row in rows {
        let change = ActiveModel {
            id: sea_orm::ActiveValue::Unchanged(row.id),
            post_id: Set(Some(post)),
            alt: Set(row.alt.clone()),
            ..ActiveModel::default()
        };
        Entity::update(change).exec(&**tx).await?;
    }
    Ok(())
}

/// Deletes the pictures of a post but those with the stems in `kept`, and returns the deleted rows. Their files are the
/// caller's to remove.
pub(crate) async fn delete_of_post(tx: &Tx, post: PostId, kept: &[Model]) -> Result<Vec<Model>, DbErr> {
    let mut delete = Entity::delete_many().filter(Column::PostId.eq(post));
    if !kept.is_empty() {
        delete = delete.filter(Column::Id.is_not_in(kept.iter().map(|row| row.id)));
    }
    delete.exec_with_returning(&**tx).await
}

/// Reads the pictures of these posts.
pub(crate) async fn of_posts(tx: &Tx, posts: &[PostId]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::PostId.is_in(posts.iter().copied())).all(&**tx).await
}

/// Reads some pictures of a person, whether posts have them or not.
pub(crate) async fn some_of_person(tx: &Tx, owner: UserId) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::OwnerId.eq(owner)).order_by_asc(Column::Id);
    own.limit(PAGE).lock_exclusive().all(&**tx).await
}

/// Deletes these rows. Their files are the caller's to remove.
pub(crate) async fn delete(tx: &Tx, rows: &[Model]) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids = rows.iter().map(|row| row.id);
    Entity::delete_many().filter(Column::Id.is_in(ids)).exec(&**tx).await.map(|_| ())
}

/// Deletes some pictures that no post has got within a day, and returns the deleted rows. Their files are the caller's
/// to remove.
pub(crate) async fn delete_unused(tx: &Tx) -> Result<Vec<Model>, DbErr> {
    let unused = Entity::find()
        .filter(Column::PostId.is_null())
        .filter(Expr::col(Column::IsAvatar).not())
        .filter(Column::CreatedAt.lte(tx.clock().now() - DAY))
        .order_by_asc(Column::CreatedAt)
        .limit(PAGE)
        // A picture that a post is getting at this moment is skipped.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let rows = unused.all(&**tx).await?;
    delete(tx, &rows).await?;
    Ok(rows)
}

/// Reads a picture that anybody may see: that of a visible post, or one that waits for its post and whose owner is
/// visible. Its random name is then known to the owner alone. An avatar has another path.
pub(crate) async fn find_shown(db: &impl ConnectionTrait, stem: &str) -> Result<Option<Model>, Error> {
    let picture = Entity::find().filter(Column::Stem.eq(stem)).filter(Expr::col(Column::IsAvatar).not());
    let Some(row) = picture.one(db).await? else { return Ok(None) };
    let is_shown = match row.post_id {
        Some(post) => match posts::require_shown(db, post).await {
            Ok(()) => true,
            Err(Error::PostNotFound) => false,
            Err(error) => return Err(error),
        },
        None => UserEntity::find_by_id(row.owner_id).filter(users::visible()).count(db).await? > 0,
    };
    Ok(Some(row).filter(|_| is_shown))
}

/// Returns whether a person has this picture.
pub(crate) async fn is_of_person(db: &impl ConnectionTrait, owner: UserId, stem: &str) -> Result<bool, DbErr> {
    let own = Entity::find().filter(Column::OwnerId.eq(owner)).filter(Column::Stem.eq(stem));
    Ok(own.count(db).await? > 0)
}

/// Returns those of `stems` that pictures have.
pub(crate) async fn known_stems(db: &impl ConnectionTrait, stems: &[String]) -> Result<HashSet<String>, DbErr> {
    let stems = stems.iter().map(String::as_str);
    let known = Entity::find().select_only().column(Column::Stem).filter(Column::Stem.is_in(stems));
    Ok(known.into_tuple::<String>().all(db).await?.into_iter().collect())
}

/// Takes the picture whose sizes have been due for longest, and notes that somebody makes them: until [`LEASE`] has
/// passed, nobody else takes it. `None` when nothing is due. After [`MAX_ATTEMPTS`] a picture is not due again, and stays
/// without sizes.
pub(crate) async fn take_due(tx: &Tx) -> Result<Option<Model>, DbErr> {
    let now = tx.clock().now();
    let due = Entity::find()
        .filter(Column::SizesDueAt.lte(now))
        // The newest first: people look at it now, and pictures from before have waited already.
        .order_by_desc(Column::SizesDueAt)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let Some(row) = due.one(&**tx).await? else { return Ok(None) };
    let next = (row.attempts + 1 < MAX_ATTEMPTS).then(|| now + LEASE);
    Entity::update_many()
        .col_expr(Column::SizesDueAt, Expr::value(next))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.eq(row.id))
        .exec(&**tx)
        .await?;
    Ok(Some(row))
}

/// Notes that the sizes of a picture are made. Returns false when the picture is gone.
pub(crate) async fn finish_sizes(tx: &Tx, id: PictureId) -> Result<bool, DbErr> {
    let none = Expr::value(Option::<Timestamp>::None);
    let change = Entity::update_many().col_expr(Column::SizesDueAt, none).filter(Column::Id.eq(id));
    Ok(change.exec(&**tx).await?.rows_affected > 0)
}
