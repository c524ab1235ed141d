//! The change of a comment by its author.

use shared::auth::CurrentUser;
use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::work::Db;

use crate::answers::comment::{CommentOut, CommentSaved};
use crate::db::queries::{comments, posts};
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;
use crate::streams::comment::CommentState;

/// Changes the content of a comment of `author`, and answers with the comment. A change to the same content stores and
/// publishes nothing.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::CommentNotFound`] when the post or the comment is not visible;
/// [`Error::NotTheAuthor`] when the comment is somebody else's; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn update_comment(
    db: &Db,
    key: IdempotencyKey,
    (post, id): (PostId, CommentId),
    author: &CurrentUser,
    content: String,
) -> Result<Answer, Error> {
    let sent = content.clone();
    key.write_once(db, author.id, &[sent.as_bytes()], async |tx| {
        posts::require_shown(&**tx, post).await?;
        let (row, changed) = comments::update(tx, post, id, author.id, content).await?;
        if changed {
            events::publish(tx, &[CommentState::from(row.clone())])?;
        }
        let comment = CommentOut::of(row, Some(author.username.clone()));
        Ok(CommentSaved { message: "Comment updated", comment })
    })
    .await
}
