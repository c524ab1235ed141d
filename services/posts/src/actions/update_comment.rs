//! The change of a comment by its author.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::entities::comments::Model;
use crate::db::queries::{comments, posts};
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;
use crate::streams::comment::CommentState;

/// Changes the content of a comment of `author`, and returns the comment. A change to the same content stores and
/// publishes nothing.
///
/// # Errors
/// [`Error::PostNotFound`] or [`Error::CommentNotFound`] when the post or the comment is not visible;
/// [`Error::NotTheAuthor`] when the comment is somebody else's; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn update_comment(
    db: &Db,
    post: PostId,
    id: CommentId,
    author: UserId,
    content: String,
) -> Result<Model, Error> {
    let mut tx = db.begin().await?;
    posts::require_shown(&*tx, post).await?;
    let (row, changed) = comments::update(&tx, post, id, author, content).await?;
    if changed {
        events::publish(&mut tx, &[CommentState::from(row.clone())])?;
    }
    tx.commit().await?;
    Ok(row)
}
