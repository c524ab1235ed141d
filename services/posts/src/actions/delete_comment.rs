//! Deletes a comment of its author for good.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::comments;
use crate::domain::ids::{CommentId, PostId};
use crate::error::Error;
use crate::streams::comment::CommentState;
use crate::streams::post_counts;

/// Deletes a comment, also while it or its post is not shown.
///
/// # Errors
/// [`Error::PostNotFound`], [`Error::CommentNotFound`], [`Error::NotTheAuthor`].
pub(crate) async fn delete_comment(db: &Db, post: PostId, id: CommentId, author: UserId) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let row = comments::delete(&tx, post, id, author).await?;
    events::publish(&mut tx, &[CommentState::from(row)])?;
    // The comment may not have been counted, because an admin had removed it or its author is hidden. So the rows are
    // counted again instead of taking one away.
    post_counts::recount::<Error>(&mut tx, vec![post]).await?;
    tx.commit().await?;
    Ok(())
}
