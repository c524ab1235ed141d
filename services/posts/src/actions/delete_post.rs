//! The deletion of a post by its author, which is final.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use super::version_condition::{VersionCondition, required_version};
use crate::answers::message::Message;
use crate::db::queries::{pictures, posts, search};
use crate::domain::ids::PostId;
use crate::domain::image::FileName;
use crate::error::Error;
use crate::media::MediaStore;
use crate::streams::post::PostState;

/// Deletes a post of `author` and its pictures, even while the post is not visible.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::NotTheAuthor`] when there is no such post of this author;
/// [`Error::VersionMismatch`] when the condition is not met; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn delete_post(
    db: &Db,
    media: &MediaStore,
    key: IdempotencyKey,
    id: PostId,
    author: UserId,
    condition: Option<&VersionCondition>,
) -> Result<Answer, Error> {
    let mut files = Vec::new();
    let answer = key
        .write_once(db, author, &[], async |tx| {
            let version = required_version(tx, id, author, condition).await?;
            // The deletion clears the name of a picture that has no row, so the name is read first.
            let named = posts::lock_any(tx, id).await?.and_then(|post| FileName::parse(&post.image_name?));
            let row = posts::delete(tx, id, author, version).await?;
            search::index(tx, std::slice::from_ref(&row)).await?;
            let pictures = pictures::delete_of_post(tx, id, &[]).await?;
            events::publish(tx, &[PostState::from(row)])?;
            files = pictures.iter().flat_map(pictures::file_names).chain(named).collect();
            Ok::<_, Error>(Message { message: "Post deleted" })
        })
        .await?;
    // After the commit: a transaction that fails must not leave a post without its pictures.
    media.remove(&files).await;
    Ok(answer)
}
