//! The writes by which a person bookmarks a post, and ends that again. Bookmarks are private, so nothing is published.

use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::bookmarks;
use crate::domain::ids::PostId;
use crate::error::Error;

/// Stores a bookmark. Bookmarking a post again changes nothing.
///
/// # Errors
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn bookmark(db: &Db, person: UserId, post: PostId) -> Result<(), Error> {
    let tx = db.begin().await?;
    bookmarks::insert(&tx, person, post).await?;
    Ok(tx.commit().await?)
}

/// Deletes a bookmark.
///
/// # Errors
/// [`Error::BookmarkNotFound`] when there is none; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn unbookmark(db: &Db, person: UserId, post: PostId) -> Result<(), Error> {
    let tx = db.begin().await?;
    if !bookmarks::delete(&tx, person, post).await? {
        return Err(Error::BookmarkNotFound);
    }
    Ok(tx.commit().await?)
}
