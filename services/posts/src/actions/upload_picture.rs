//! Stores a picture that a post can have later.

use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::work::Db;

use super::known_answer::{find_answer, find_known_answer, may_be_referred_to};
use crate::db::queries::pictures::{self, StoredPicture};
use crate::db::queries::users;
use crate::domain::image;
use crate::error::Error;
use crate::media::{MediaStore, Upload};

/// Stores a picture, which waits a day for a post of its owner. With `request`, a repeated request gets the same answer.
///
/// # Errors
/// The reasons of [`MediaStore::store`]; [`Error::TooManyPictures`]; an [`Error::Request`] when the idempotency key
/// belongs to another request, or to one that is under way; [`Error::Db`] or [`Error::Commit`] when the transaction
/// fails.
pub(crate) async fn upload_picture(
    db: &Db,
    media: &MediaStore,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    alt: Option<String>,
    picture: Upload,
) -> Result<Answer, Error> {
    if let Some(known) = find_answer(db, request.as_ref()).await? {
        return Ok(known);
    }
    pictures::require_quota(db.read(), db.clock().now(), user.id).await?;
    let picture = media.store(picture, image::sanitise).await?;
    let stored = store_picture(db, user, request, alt, &picture).await;
    if may_be_referred_to(&stored) {
        media.announce_sizes();
    } else {
        media.remove(std::slice::from_ref(&picture.name)).await;
    }
    stored
}

async fn store_picture(
    db: &Db,
    user: CurrentUser,
    request: Option<KeyedRequest>,
    alt: Option<String>,
    picture: &StoredPicture,
) -> Result<Answer, Error> {
    let tx = db.begin().await?;
    if let Some(request) = &request
        && let Some(known) = find_known_answer(&tx, request).await?
    {
        tx.rollback().await?;
        return known;
    }
    users::insert_if_unknown(&tx, [&user]).await?;
    // Only under this lock is the quota exact: of several uploads at once, each counts the ones before it.
    users::lock(&tx, user.id).await?;
    pictures::require_quota(&*tx, tx.clock().now(), user.id).await?;
    let row = pictures::insert(&tx, user.id, picture, alt, None).await?;
    let answer = Answer::new(StatusCode::CREATED, &pictures::to_picture(&row))?;
    idempotency::store(&tx, request.map(|request| (request, answer.clone())).into_iter().collect()).await?;
    tx.commit().await?;
    Ok(answer)
}
