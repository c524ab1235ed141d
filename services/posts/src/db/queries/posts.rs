//! Posts and their counters.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, JoinType, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, RelationDef, Select,
};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::{Reads, Tx, insert_rows_returning, padded};
use shared::events::{ApplyError, Key, Source, State};
use shared::http::Page;
use shared::ids::UserId;

use super::recounts;
use super::users::{visible, visible_ids};
use crate::db::entities::{counts, posts, users};
use crate::domain::ids::PostId;
use crate::error::Error;

/// How many pictures a person may post in 24 hours.
const PICTURES_PER_DAY: u64 = 100;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A post with what is shown beside it.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct Shown {
    #[sea_orm(nested)]
    pub(crate) post: posts::Model,
    #[sea_orm(nested)]
    pub(crate) counts: counts::Model,
    /// The author's name.
    #[sea_orm(from_expr = "Expr::col((users::Entity, users::Column::Username))")]
    pub(crate) author: String,
}

/// What a post is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewPost {
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) image_name: Option<String>,
}

/// Neither deleted nor removed.
fn there() -> Condition {
    Condition::all().add(posts::Column::DeletedAt.is_null()).add(posts::Column::RemovedAt.is_null())
}

/// Posts that are shown: neither deleted nor removed, by a visible author.
fn shown() -> Select<posts::Entity> {
    use posts::{Column as C, Entity};
    let author: RelationDef = Entity::belongs_to(users::Entity).from(C::AuthorId).to(users::Column::Id).into();
    let counted: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::PostId).into();
    Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::InnerJoin, counted)
        .filter(there())
        .filter(visible())
        .filter(users::Column::Username.is_not_null())
}

/// One post that is shown.
pub(crate) async fn find(db: &impl ConnectionTrait, id: PostId) -> Result<Shown, Error> {
    let query = shown().filter(posts::Column::Id.eq(id)).into_partial_model();
    query.one(db).await?.ok_or(Error::PostNotFound)
}

/// Those of these posts that are shown.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<Shown>, DbErr> {
    shown().filter(posts::Column::Id.is_in(padded(ids))).into_partial_model().all(db).await
}

/// Fails unless the post is shown.
pub(crate) async fn require(db: &impl ConnectionTrait, id: PostId) -> Result<(), Error> {
    let found = shown().filter(posts::Column::Id.eq(id)).select_only().column(posts::Column::Id);
    let found: Option<PostId> = found.into_tuple().one(db).await?;
    found.map(|_| ()).ok_or(Error::PostNotFound)
}

/// A page of posts, newest first.
pub(crate) async fn list(db: &impl ConnectionTrait, author: Option<UserId>, page: &Page) -> Result<Vec<Shown>, Error> {
    let mut query = shown().order_by_desc(posts::Column::Id).limit(page.fetch());
    if let Some(author) = author {
        query = query.filter(posts::Column::AuthorId.eq(author));
    }
    if let Some(after) = page.after {
        query = query.filter(posts::Column::Id.lt(after));
    }
    Ok(query.into_partial_model().all(db).await?)
}

/// Answers an error when the author's pictures of the last 24 hours are too many. It holds under the lock on the person, in the
/// transaction that stores another one; before, it only saves the work.
pub(crate) async fn require_room_for_picture(
    db: &impl ConnectionTrait,
    now: Timestamp,
    author: UserId,
) -> Result<(), Error> {
    let kept = posts::Entity::find()
        .filter(posts::Column::AuthorId.eq(author))
        .filter(posts::Column::ImageName.is_not_null())
        .filter(posts::Column::CreatedAt.gt(now - DAY))
        .count(db)
        .await?;
    if kept < PICTURES_PER_DAY { Ok(()) } else { Err(Error::TooManyPictures) }
}

/// Stores a post with its counters.
pub(crate) async fn insert(tx: &Tx, author: UserId, new: NewPost) -> Result<(posts::Model, counts::Model), DbErr> {
    let now = tx.clock().now();
    let row = posts::ActiveModel {
        id: NotSet,
        version: Set(1),
        author_id: Set(author),
        title: Set(Some(new.title)),
        content: Set(Some(new.content)),
        image_name: Set(new.image_name),
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

/// Changes a post of this author; with `version`, only if it still has that one. Answers whether anything changed.
pub(crate) async fn update(
    tx: &Tx,
    id: PostId,
    author: UserId,
    version: Option<i64>,
    title: Option<String>,
    content: Option<String>,
) -> Result<(posts::Model, bool), Error> {
    let same = Condition::all()
        .add_option(title.as_ref().map(|title| posts::Column::Title.eq(title)))
        .add_option(content.as_ref().map(|content| posts::Column::Content.eq(content)));
    let mine = this(id, author).add(there()).add(posts::Column::AuthorId.in_subquery(visible_ids()));
    if let Some(row) = posts::Entity::find().filter(mine.clone()).filter(at(version)).filter(same).one(&**tx).await? {
        return Ok((row, false));
    }
    let mut query = posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::UpdatedAt, Expr::value(tx.clock().now()));
    if let Some(title) = title {
        query = query.col_expr(posts::Column::Title, Expr::value(title));
    }
    if let Some(content) = content {
        query = query.col_expr(posts::Column::Content, Expr::value(content));
    }
    Ok((own(tx, query, id, mine, version).await?, true))
}

/// Deletes a post of this author for good, shown or not: its content goes, its key and version stay.
pub(crate) async fn delete(tx: &Tx, id: PostId, author: UserId, version: Option<i64>) -> Result<posts::Model, Error> {
    let nothing = Expr::value(Option::<String>::None);
    let query = posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(posts::Column::Title, nothing.clone())
        .col_expr(posts::Column::Content, nothing.clone())
        .col_expr(posts::Column::ImageName, nothing);
    own(tx, query, id, this(id, author).add(posts::Column::DeletedAt.is_null()), version).await
}

/// A post of this author.
fn this(id: PostId, author: UserId) -> Condition {
    Condition::all().add(posts::Column::Id.eq(id)).add(posts::Column::AuthorId.eq(author))
}

/// Perhaps only one version.
fn at(version: Option<i64>) -> Condition {
    Condition::all().add_option(version.map(|version| posts::Column::Version.eq(version)))
}

/// Runs an update on a post that is the author's, or tells why it may not run.
async fn own(
    tx: &Tx,
    query: sea_orm::UpdateMany<posts::Entity>,
    id: PostId,
    mine: Condition,
    version: Option<i64>,
) -> Result<posts::Model, Error> {
    if let Some(row) = query.filter(mine.clone()).filter(at(version)).exec_with_returning(&**tx).await?.pop() {
        return Ok(row);
    }
    if posts::Entity::find().filter(mine).one(&**tx).await?.is_some() {
        return Err(Error::VersionMismatch);
    }
    find(&**tx, id).await?;
    Err(Error::NotTheAuthor)
}

/// The version of a post of this author that is not deleted, shown or not.
pub(crate) async fn own_version(tx: &Tx, id: PostId, author: UserId) -> Result<Option<i64>, DbErr> {
    let mine = this(id, author).add(posts::Column::DeletedAt.is_null());
    posts::Entity::find().filter(mine).select_only().column(posts::Column::Version).into_tuple().one(&**tx).await
}

/// The name of a post's picture.
pub(crate) async fn image_name(tx: &Tx, id: PostId) -> Result<Option<String>, DbErr> {
    let name: Option<Option<String>> =
        posts::Entity::find_by_id(id).select_only().column(posts::Column::ImageName).into_tuple().one(&**tx).await?;
    Ok(name.flatten())
}

/// Whether a post that is shown has this picture.
pub(crate) async fn shows_image(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let post = shown().filter(posts::Column::ImageName.eq(name));
    let post: Option<PostId> = post.select_only().column(posts::Column::Id).into_tuple().one(db).await?;
    Ok(post.is_some())
}

/// Which of these pictures posts show, removed ones included: they may be restored.
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

/// By how much counters of a post change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) likes: i64,
    pub(crate) comments: i64,
    pub(crate) views: i64,
}

/// Changes counters by these amounts, under the rows' locks and in the order of the posts. Counters are changed only here,
/// by their owner. What they count is the rule of `recounts.rs`.
pub(crate) async fn count(tx: &Tx, changes: BTreeMap<PostId, Change>) -> Result<Vec<counts::Model>, DbErr> {
    use counts::Column as C;
    let changed = changes.into_iter().filter(|(_, change)| *change != Change::default());
    // A post has its counters from the beginning, so all that is inserted is found to be there.
    let rows = changed.map(|(post, change)| counts::ActiveModel {
        post_id: Set(post),
        version: Set(1),
        like_count: Set(change.likes),
        comment_count: Set(change.comments),
        view_count: Set(change.views),
    });
    let more = |column: C| {
        let change = Expr::col((Alias::new("excluded"), column));
        (column, Expr::col((counts::Entity, column)).add(change))
    };
    let add = OnConflict::column(C::PostId)
        .values([more(C::Version), more(C::LikeCount), more(C::CommentCount), more(C::ViewCount)])
        .to_owned();
    insert_rows_returning(tx, rows.collect(), Some(add)).await
}

/// Applies a moderation decision if it is newer than the last one. `None`: it is not, or there is no such post.
pub(crate) async fn decide(tx: &Tx, id: PostId, decision: i64, removed: bool) -> Result<Option<posts::Model>, DbErr> {
    let rows = posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::DecisionVersion, Expr::value(decision))
        .col_expr(posts::Column::RemovedAt, Expr::value(removed.then(|| tx.clock().now())))
        .filter(posts::Column::Id.eq(id))
        .filter(posts::Column::DecisionVersion.lt(decision))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// A post as it is published. A tombstone keeps key and version only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostState {
    pub(crate) id: PostId,
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    /// Of a tombstone alone: an admin removed it and may restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) removed: Option<bool>,
    pub(crate) author_id: Option<UserId>,
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) image_url: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
}

impl State for PostState {
    const STREAM: &'static str = "post";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Where a picture is served.
pub(crate) fn image_url(name: &str) -> String {
    format!("/media/{name}")
}

impl From<posts::Model> for PostState {
    fn from(row: posts::Model) -> Self {
        let deleted = row.deleted_at.is_some() || row.removed_at.is_some();
        let empty = Self {
            id: row.id,
            version: row.version,
            deleted,
            removed: deleted.then_some(row.deleted_at.is_none()),
            author_id: None,
            title: None,
            content: None,
            image_url: None,
            created_at: None,
            updated_at: None,
        };
        if deleted {
            return empty;
        }
        Self {
            author_id: Some(row.author_id),
            title: row.title,
            content: row.content,
            image_url: row.image_name.as_deref().map(image_url),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
            ..empty
        }
    }
}

/// The stream `post`.
pub(crate) struct Posts;

#[async_trait]
impl Source for Posts {
    type State = PostState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<PostState>, DbErr> {
        let after = after.map_or(0, Key::first);
        let rows =
            posts::Entity::find().filter(posts::Column::Id.gt(after)).order_by_asc(posts::Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<PostState>, DbErr> {
        let rows = posts::Entity::find().filter(posts::Column::Id.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }
}

/// The counters as they are published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CountsState {
    pub(crate) id: PostId,
    pub(crate) version: i64,
    pub(crate) like_count: i64,
    pub(crate) comment_count: i64,
    pub(crate) view_count: i64,
}

impl State for CountsState {
    const STREAM: &'static str = "post_counts";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<counts::Model> for CountsState {
    fn from(row: counts::Model) -> Self {
        Self {
            id: row.post_id,
            version: row.version,
            like_count: row.like_count,
            comment_count: row.comment_count,
            view_count: row.view_count,
        }
    }
}

/// The stream `post_counts`.
pub(crate) struct Counts;

#[async_trait]
impl Source for Counts {
    type State = CountsState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<CountsState>, DbErr> {
        use counts::Column as C;
        let rows = counts::Entity::find()
            .filter(C::PostId.gt(after.map_or(0, Key::first)))
            .order_by_asc(C::PostId)
            .limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<CountsState>, DbErr> {
        let rows = counts::Entity::find().filter(counts::Column::PostId.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    const COUNTS: bool = true;

    async fn miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        let wrong = recounts::miscounted(db).await?;
        Ok(wrong.into_iter().map(|(post, version)| (post.0.into(), version)).collect())
    }

    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError> {
        recounts::recount(tx, keys.iter().map(|key| PostId(key.first())).collect()).await
    }
}
