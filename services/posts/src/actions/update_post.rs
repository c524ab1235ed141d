//! The change of a post by its author.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::{Db, Tx};

use super::version_condition::{VersionCondition, required_version};
use crate::answers::post::{PostOut, PostSaved};
use crate::db::queries::pictures::{self, Wanted};
use crate::db::queries::posts::{self, PostChanges};
use crate::db::queries::search;
use crate::domain::etag;
use crate::domain::ids::PostId;
use crate::domain::image::FileName;
use crate::error::Error;
use crate::media::MediaStore;
use crate::streams::post::PostState;

/// Changes fields of a post of `author`, and answers with the post. `images`, if given, is the new list of
/// all its pictures: those that are left out are removed with their files. A change to the same values stores and
/// publishes nothing.
///
/// # Errors
/// [`Error::PostNotFound`] when the post is not visible; [`Error::NotTheAuthor`] when it is somebody else's;
/// [`Error::VersionMismatch`] when the condition is not met; [`Error::PictureNotFree`] when a picture is not there;
/// [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn update_post(
    db: &Db,
    media: &MediaStore,
    key: IdempotencyKey,
    id: PostId,
    author: UserId,
    condition: Option<&VersionCondition>,
    (mut changes, images): (PostChanges, Option<Vec<Wanted>>),
) -> Result<Answer, Error> {
    let identity = identity(&changes, images.as_deref());
    let sent: Vec<&[u8]> = identity.iter().map(Vec::as_slice).collect();
    let (mut left_out, mut etag) = (Vec::new(), None);
    let answer = key
        .write_once(db, author, &sent, async |tx| {
            let version = required_version(tx, id, author, condition).await?;
            if let Some(images) = images {
                left_out = change_pictures(tx, id, author, &images, &mut changes).await?;
            }
            let (row, changed) = posts::update(tx, id, author, version, changes).await?;
            if changed {
                search::index(tx, std::slice::from_ref(&row)).await?;
                events::publish(tx, &[PostState::from(row)])?;
            }
            // The post is read again in the same transaction, because the answer also holds its counters and its author's name.
            let shown = posts::find(&**tx, id).await?;
            etag = Some(etag::write(shown.post.version, shown.counts.version));
            let post = PostOut::from_row(shown).ok_or(Error::PostNotFound)?;
            Ok::<_, Error>(PostSaved { message: "Post updated", post })
        })
        .await?;
    media.remove(&left_out).await;
    Ok(etag.into_iter().fold(answer, Answer::with_etag))
}

/// Returns the parts by which a repeated request is known to be the same.
fn identity(changes: &PostChanges, images: Option<&[Wanted]>) -> Vec<Vec<u8>> {
    let part = |text: Option<&str>| text.map_or_else(|| vec![0], |text| text.as_bytes().to_vec());
    let pictures = images.iter().flat_map(|images| images.iter());
    let pictures = pictures.flat_map(|image| [part(Some(&image.stem)), part(image.alt.as_deref())]);
    let fields = [part(changes.title.as_deref()), part(changes.content.as_deref()), vec![u8::from(images.is_some())]];
    fields.into_iter().chain(pictures).collect()
}

/// Gives the post these pictures and no others, and adds them to its changes. Returns the files of the pictures that it
/// has no longer.
async fn change_pictures(
    tx: &Tx,
    id: PostId,
    author: UserId,
    images: &[Wanted],
    changes: &mut PostChanges,
) -> Result<Vec<FileName>, Error> {
    // Under this lock two changes of the list come one after the other.
    let post = posts::lock_owned(tx, id, author).await?;
    let rows = pictures::lock_wanted(tx, author, Some(id), images).await?;
    let removed = pictures::delete_of_post(tx, id, &rows).await?;
    pictures::attach(tx, id, &rows).await?;
    changes.images = Some(pictures::columns_of_post(&rows));
    let unmeasured = post.image_name.filter(|_| post.images.is_none());
    let unmeasured = unmeasured.and_then(|name| FileName::parse(&name));
    Ok(removed.iter().flat_map(pictures::file_names).chain(unmeasured).collect())
}
