//! Creates a post, with a picture if one was sent.

use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::db::CommitError;
use shared::events;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::work::{Db, Tx};

use crate::answers::post::{PostOut, PostSaved};
use crate::db::queries::posts::{self, NewPost, ShownPost};
use crate::db::queries::{search, users};
use crate::domain::etag;
use crate::error::Error;
use crate::media::{MediaStore, Upload};
use crate::streams::post::PostState;
use crate::streams::post_counts::CountsState;

/// Stores the picture, then the post with its counters. With `request`, the answer is stored too, and a repeated
/// request gets the stored answer instead of creating a second post.
///
/// # Errors
/// The reasons of [`MediaStore::store`]; [`Error::TooManyPictures`]; an [`Error::Request`] when the idempotency key
/// belongs to another request, or to one that is under way; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when
/// the transaction fails.
pub(crate) async fn create_post(
    db: &Db,
    media: &MediaStore,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    mut new: NewPost,
    picture: Option<Upload>,
) -> Result<Answer, Error> {
    let Some(picture) = picture else { return store_post(db, user, request, new).await };
    // Decoding a picture is expensive. So a repeated request gets its answer, and a request beyond the quota is
    // refused, before the picture is decoded.
    if let Some(known) = find_answer(db, request.as_ref()).await? {
        return Ok(known);
    }
    posts::require_picture_quota(db.read(), db.clock().now(), user.id).await?;
    let name = media.store(picture).await?;
    new.image_name = Some(name.clone());
    let stored = store_post(db, user, request, new).await;
    if !may_be_referred_to(&stored) {
        media.remove(&name).await;
    }
    stored
}

/// True when a post may refer to the picture that was just stored: this request has stored the post itself, or the
/// outcome of its commit is unknown. False when the answer is that of an earlier request, or certainly nothing was
/// stored.
fn may_be_referred_to(stored: &Result<Answer, Error>) -> bool {
    match stored {
        Ok(answer) => !answer.is_replayed(),
        Err(error) => matches!(error, Error::Commit(CommitError::Unknown(_))),
    }
}

/// Finds the answer to an earlier request with the same key. `None` when there was none, or this request has no key.
async fn find_answer(db: &Db, request: Option<&KeyedRequest>) -> Result<Option<Answer>, Error> {
    let Some(request) = request else { return Ok(None) };
    let tx = db.begin().await?;
    let known = find_known_answer(&tx, request).await?;
    // Rolled back now, because dropping the transaction would do so only later, and until then a repeated request
    // would find the key locked.
    tx.rollback().await?;
    known.transpose()
}

/// Looks for an earlier request with the same key. `None` means that this request is the first one; its key then stays
/// locked until the transaction ends. The inner result is the answer to the earlier request, or the error for a key
/// that belongs to another request or to one that is under way.
async fn find_known_answer(tx: &Tx, request: &KeyedRequest) -> Result<Option<Result<Answer, Error>>, Error> {
    let known = idempotency::find(tx, std::slice::from_ref(request)).await?.remove(&request.id);
    Ok(known.map(|known| known.map_err(Error::from)))
}

/// Stores the post, its counters, their events and the answer for a repeated request in one transaction. If an earlier
/// request had the same key, stores nothing and returns that request's answer.
async fn store_post(db: &Db, user: CurrentUser, request: Option<KeyedRequest>, new: NewPost) -> Result<Answer, Error> {
    let mut tx = db.begin().await?;
    if let Some(request) = &request
        && let Some(known) = find_known_answer(&tx, request).await?
    {
        tx.rollback().await?;
        return known;
    }
    users::insert_if_unknown(&tx, [&user]).await?;
    if new.image_name.is_some() {
        // Only under this lock is the quota exact: of several uploads at once, each counts the ones before it.
        users::lock(&tx, user.id).await?;
        posts::require_picture_quota(&*tx, tx.clock().now(), user.id).await?;
    }
    let (post, counts) = posts::insert(&tx, user.id, new).await?;
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
