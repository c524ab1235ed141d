//! The condition under which an author changes or deletes a post.

use sea_orm::DbErr;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::posts;
use crate::domain::ids::PostId;

/// A condition on the version of a post. It gets the current version, and returns the version that the post must still
/// have when it is changed or deleted. `None` means that any version will do.
///
/// The condition is a function because the fields `If-Match` and `If-None-Match`, which the routes read, can only be
/// evaluated when the current version is known.
pub(crate) type VersionCondition = dyn Fn(i64) -> Option<i64> + Send + Sync;

/// Reads the current version of a post of `author`, and evaluates the condition. Returns the version that the post must
/// have for the write, or `None` when any will do. Without a condition nothing is read.
pub(super) async fn required_version(
    tx: &Tx,
    id: PostId,
    author: UserId,
    condition: Option<&VersionCondition>,
) -> Result<Option<i64>, DbErr> {
    let Some(condition) = condition else { return Ok(None) };
    // For a post that is deleted or somebody else's, no version is found here. The write itself then fails with 404 or
    // 403, which take precedence over a condition that is not met (RFC 9110, section 13.2.1).
    Ok(posts::owned_version(tx, id, author).await?.and_then(condition))
}
