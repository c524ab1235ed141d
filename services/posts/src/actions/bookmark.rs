//! The writes by which a person bookmarks a post, and ends that again. Bookmarks are private, so nothing is published.

use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::message::Message;
use crate::db::queries::bookmarks;
use crate::domain::ids::PostId;
use crate::error::Error;

/// Stores a bookmark. Bookmarking a post again changes nothing.
///
/// # Errors
/// [`Error::Request`] for a bad repetition; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn bookmark(db: &Db, key: IdempotencyKey, person: UserId, post: PostId) -> Result<Answer, Error> {
    key.write_once(db, person, &[], async |tx| {
        bookmarks::insert(tx, person, post).await?;
        Ok(Message { message: "Post bookmarked" })
    })
    .await
}

/// Deletes a bookmark.
///
/// # Errors
/// [`Error::BookmarkNotFound`] when there is none; [`Error::Request`] for a bad repetition; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn unbookmark(db: &Db, key: IdempotencyKey, person: UserId, post: PostId) -> Result<Answer, Error> {
    key.write_once(db, person, &[], async |tx| {
        if bookmarks::delete(tx, person, post).await? {
            return Ok(Message { message: "Bookmark removed" });
        }
        Err(Error::BookmarkNotFound)
    })
    .await
}
