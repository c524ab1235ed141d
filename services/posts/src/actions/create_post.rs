//! Creates a post, with pictures that were sent before, or with one that comes along.

use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::events;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::work::{Db, Tx};

use super::known_answer::{find_answer, find_known_answer, may_be_referred_to};
use crate::answers::post::{PostOut, PostSaved};
use crate::db::entities::posts::Model as Post;
use crate::db::queries::pictures::{self, StoredPicture, Wanted};
use crate::db::queries::posts::{self, NewPost, ShownPost};
use crate::db::queries::{search, users};
use crate::domain::etag;
use crate::domain::image;
use crate::error::Error;
use crate::media::{MediaStore, Upload};
use crate::streams::post::PostState;
use crate::streams::post_counts::CountsState;

/// A post that is about to be created.
#[derive(Debug)]
pub(crate) struct PostDraft {
    pub(crate) title: String,
    pub(crate) content: String,
    /// The pictures that were sent before.
    pub(crate) images: Vec<Wanted>,
    /// The text of the picture that comes along.
    pub(crate) alt: Option<String>,
}

/// Stores the picture that comes along, if one does, then the post with its counters. With `request`, the answer is
/// stored too, and a repeated request gets the stored answer instead of creating a second post.
///
/// # Errors
/// The reasons of [`MediaStore::store`]; [`Error::TooManyPictures`]; [`Error::PictureNotFree`]; an [`Error::Request`]
/// when the idempotency key belongs to another request, or to one that is under way; [`Error::Db`], [`Error::Publish`]
/// or [`Error::Commit`] when the transaction fails.
pub(crate) async fn create_post(
    db: &Db,
    media: &MediaStore,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    draft: PostDraft,
    picture: Option<Upload>,
) -> Result<Answer, Error> {
    let Some(picture) = picture else { return store_post(db, user, request, draft, None).await };
    // Decoding a picture is expensive. So a repeated request gets its answer, and a request beyond the quota is
    // refused, before the picture is decoded.
    if let Some(known) = find_answer(db, request.as_ref()).await? {
        return Ok(known);
    }
    pictures::require_quota(db.read(), db.clock().now(), user.id).await?;
    let picture = media.store(picture, image::sanitise).await?;
    let stored = store_post(db, user, request, draft, Some(&picture)).await;
    if may_be_referred_to(&stored) {
        media.announce_sizes();
    } else {
        media.remove(std::slice::from_ref(&picture.name)).await;
    }
    stored
}

/// Stores the post, its counters, their events and the answer for a repeated request in one transaction. If an earlier
/// request had the same key, stores nothing and returns that request's answer.
async fn store_post(
    db: &Db,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    draft: PostDraft,
    picture: Option<&StoredPicture>,
) -> Result<Answer, Error> {
    let mut tx = db.begin().await?;
    if let Some(request) = &request
        && let Some(known) = find_known_answer(&tx, request).await?
    {
        tx.rollback().await?;
        return known;
    }
    users::insert_if_unknown(&tx, [&user]).await?;
    let (post, counts) = match picture {
        Some(picture) => insert_with_new_picture(&tx, &user, draft, picture).await?,
        None => insert_with_sent_pictures(&tx, &user, draft).await?,
    };
    search::index(&tx, std::slice::from_ref(&post)).await?;
    events::publish(&mut tx, &[PostState::from(post.clone())])?;
    events::publish(&mut tx, &[CountsState::from(counts.clone())])?;
    let etag = etag::write(post.version, counts.version);
    let post = PostOut::from_row(ShownPost { post, counts, author: user.username }).ok_or(Error::PostNotFound)?;
    let answer = Answer::new(StatusCode::CREATED, &PostSaved { message: "Post created", post })?.with_etag(etag);
    idempotency::store(&tx, request.map(|request| (request, answer.clone())).into_iter().collect()).await?;
    tx.commit().await?;
    Ok(answer)
}

/// A post that was inserted, and its counters.
type Inserted = (Post, crate::db::entities::counts::Model);

/// Inserts a post with the picture that came along.
async fn insert_with_new_picture(
    tx: &Tx,
    user: &CurrentUser,
    draft: PostDraft,
    picture: &StoredPicture,
) -> Result<Inserted, Error> {
    // Only under this lock is the quota exact: of several uploads at once, each counts the ones before it.
    users::lock(tx, user.id).await?;
    pictures::require_quota(&**tx, tx.clock().now(), user.id).await?;
    let row = pictures::insert(tx, user.id, picture, draft.alt, None).await?;
    insert_with(tx, user, (draft.title, draft.content), &[row]).await
}

/// Inserts a post with the pictures that were sent before.
async fn insert_with_sent_pictures(tx: &Tx, user: &CurrentUser, draft: PostDraft) -> Result<Inserted, Error> {
    let rows = pictures::lock_wanted(tx, user.id, None, &draft.images).await?;
    insert_with(tx, user, (draft.title, draft.content), &rows).await
}

async fn insert_with(
    tx: &Tx,
    user: &CurrentUser,
    (title, content): (String, String),
    rows: &[crate::db::entities::pictures::Model],
) -> Result<Inserted, Error> {
    let (images, image_name) = pictures::columns_of_post(rows);
    let (post, counts) = posts::insert(tx, user.id, NewPost { title, content, images, image_name }).await?;
    pictures::attach(tx, post.id, rows).await?;
    Ok((post, counts))
}
