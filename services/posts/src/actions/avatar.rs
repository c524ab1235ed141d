//! The writes by which people choose and remove their avatars. No other service learns of them, because the path of an
//! avatar stays the same.

use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::http::IdempotencyKey;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::ids::UserId;
use shared::work::Db;

use super::known_answer::{find_answer, find_known_answer, may_be_referred_to};
use crate::answers::message::Message;
use crate::db::entities::pictures::Model as Picture;
use crate::db::queries::pictures::{self, StoredPicture};
use crate::db::queries::users;
use crate::domain::image;
use crate::error::Error;
use crate::media::{MediaStore, Upload};

/// Makes the middle of a picture the avatar of a person, instead of the former one.
///
/// # Errors
/// The reasons of [`MediaStore::store`]; [`Error::Request`] for a bad repetition; [`Error::Db`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn set_avatar(
    db: &Db,
    media: &MediaStore,
    key: IdempotencyKey,
    user: &CurrentUser,
    picture: Upload,
) -> Result<Answer, Error> {
    let request = key.request(Some(user.id), &[&picture.file]);
    if let Some(known) = find_answer(db, request.as_ref()).await? {
        return Ok(known);
    }
    let stored = media.store(picture, image::make_avatar).await?;
    let mut former = None;
    let answer = store_avatar(db, user, request, &stored, &mut former).await;
    if may_be_referred_to(&answer) {
        // After an unknown commit the former file may still be in use. If it is not, it is found as left over.
        if answer.is_ok() {
            media.remove(&former.iter().map(pictures::file_name).collect::<Vec<_>>()).await;
        }
    } else {
        media.remove(&[stored.name]).await;
    }
    answer
}

async fn store_avatar(
    db: &Db,
    user: &CurrentUser,
    request: Option<KeyedRequest>,
    stored: &StoredPicture,
    former: &mut Option<Picture>,
) -> Result<Answer, Error> {
    let tx = db.begin().await?;
    if let Some(request) = &request
        && let Some(known) = find_known_answer(&tx, request).await?
    {
        tx.rollback().await?;
        return known;
    }
    users::insert_if_unknown(&tx, [user]).await?;
    // Of two requests at once, the second one replaces what the first one has stored.
    users::lock(&tx, user.id).await?;
    *former = pictures::replace_avatar(&tx, user.id, stored).await?;
    let answer = Answer::new(StatusCode::OK, &Message { message: "Avatar set" })?;
    idempotency::store(&tx, request.map(|request| (request, answer.clone())).into_iter().collect()).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Removes the avatar of a person.
///
/// # Errors
/// [`Error::AvatarNotFound`] when there is none; [`Error::Request`] for a bad repetition; [`Error::Db`] or
/// [`Error::Commit`] when the transaction fails.
pub(crate) async fn remove_avatar(
    db: &Db,
    media: &MediaStore,
    key: IdempotencyKey,
    person: UserId,
) -> Result<Answer, Error> {
    let mut files = Vec::new();
    let answer = key
        .write_once(db, person, &[], async |tx| {
            let row = pictures::delete_avatar(tx, person).await?.ok_or(Error::AvatarNotFound)?;
            files.push(pictures::file_name(&row));
            Ok::<_, Error>(Message { message: "Avatar removed" })
        })
        .await?;
    media.remove(&files).await;
    Ok(answer)
}
