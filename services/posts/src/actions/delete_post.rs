//! The deletion of a post by its author, which is final.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::version_condition::{VersionCondition, required_version};
use crate::db::queries::{posts, search};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::media::MediaStore;
use crate::streams::post::PostState;

/// Deletes a post of `author` and its picture, even while the post is not visible.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::NotTheAuthor`] when there is no such post of this author;
/// [`Error::VersionMismatch`] when the condition is not met; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn delete_post(
    db: &Db,
    media: &MediaStore,
    id: PostId,
    author: UserId,
    condition: Option<&VersionCondition>,
) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let version = required_version(&tx, id, author, condition).await?;
    // The deletion clears the picture's name, so the name is read first.
    let image = posts::image_name(&tx, id).await?;
    let row = posts::delete(&tx, id, author, version).await?;
    search::index(&tx, std::slice::from_ref(&row)).await?;
    events::publish(&mut tx, &[PostState::from(row)])?;
    tx.commit().await?;
    // The file is removed after the commit: a transaction that fails must not leave a post without its picture.
    if let Some(image) = image {
        media.remove(&image).await;
    }
    Ok(())
}
