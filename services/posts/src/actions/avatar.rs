//! The writes by which people choose and remove their avatars. No other service learns of them, because the path of an
//! avatar stays the same.

use sha2::{Digest, Sha256};
use shared::auth::CurrentUser;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use super::known_answer::{find_answer, may_be_referred_to};
use crate::answers::message::Message;
use crate::db::queries::{pictures, users};
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
    // Its hash stands for the file, which is not kept in memory once it is stored.
    let hash = Sha256::digest(&picture.file);
    if let Some(known) = find_answer(db, key.request(Some(user.id), &[&hash]).as_ref()).await? {
        return Ok(known);
    }
    let stored = media.store(picture, image::make_avatar).await?;
    let mut former = None;
    let answer = key
        .write_once(db, user.id, &[&hash], async |tx| {
            users::insert_if_unknown(tx, [user]).await?;
            // Of two requests at once, the second one replaces what the first one has stored.
            users::lock(tx, user.id).await?;
            former = pictures::replace_avatar(tx, user.id, &stored).await?;
            Ok::<_, Error>(Message { message: "Avatar set" })
        })
        .await;
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
