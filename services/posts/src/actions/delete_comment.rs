//! The deletion of a comment by its author, which is final.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::message::Message;
use crate::db::queries::comments;
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;
use crate::streams::comment::CommentState;
use crate::streams::post_counts;

/// Deletes a comment of `author`, even while the comment or its post is not visible.
///
/// # Errors
/// [`Error::PostNotFound`], [`Error::CommentNotFound`] or [`Error::NotTheAuthor`] when there is no such comment of this
/// author; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn delete_comment(
    db: &Db,
    key: IdempotencyKey,
    (post, id): (PostId, CommentId),
    author: UserId,
) -> Result<Answer, Error> {
    key.write_once(db, author, &[], async |tx| {
        let row = comments::delete(tx, post, id, author).await?;
        events::publish(tx, &[CommentState::from(row)])?;
        // The comment may not have been counted, because an admin had removed it or its author is hidden. So the comments
        // are counted again, instead of subtracting one from the counter.
        post_counts::recount::<Error>(tx, vec![post]).await?;
        Ok(Message { message: "Comment deleted" })
    })
    .await
}
