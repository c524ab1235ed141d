//! The change of a post by its author.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::version_condition::{VersionCondition, required_version};
use crate::db::queries::posts::{self, PostChanges, ShownPost};
use crate::db::queries::search;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::streams::post::PostState;

/// Changes fields of a post of `author`, and returns the post with its counters. A change to the same values stores and
/// publishes nothing.
///
/// # Errors
/// [`Error::PostNotFound`] when the post is not visible; [`Error::NotTheAuthor`] when it is somebody else's;
/// [`Error::VersionMismatch`] when the condition is not met; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`]
/// when the transaction fails.
pub(crate) async fn update_post(
    db: &Db,
    id: PostId,
    author: UserId,
    condition: Option<&VersionCondition>,
    changes: PostChanges,
) -> Result<ShownPost, Error> {
    let mut tx = db.begin().await?;
    let version = required_version(&tx, id, author, condition).await?;
    let (row, changed) = posts::update(&tx, id, author, version, changes).await?;
    if changed {
        search::index(&tx, std::slice::from_ref(&row)).await?;
        events::publish(&mut tx, &[PostState::from(row)])?;
    }
    // The post is read again in the same transaction, because the answer also holds its counters and its author's name.
    let shown = posts::find(&*tx, id).await?;
    tx.commit().await?;
    Ok(shown)
}
