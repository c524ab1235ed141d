//! Changes a post of its author.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::version_condition::{VersionCondition, required_version};
use crate::db::queries::posts::{self, PostChanges, ShownPost};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::streams::post::PostState;

/// Changes fields of a post, and returns the post as it is shown afterwards. A change to the same values stores and
/// publishes nothing.
///
/// # Errors
/// [`Error::PostNotFound`] when the post is not shown; [`Error::NotTheAuthor`]; [`Error::VersionMismatch`] when the
/// condition is not met.
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
        events::publish(&mut tx, &[PostState::from(row)])?;
    }
    // Read in the same transaction: the answer shows the post with the counters beside which it was stored.
    let shown = posts::find(&*tx, id).await?;
    tx.commit().await?;
    Ok(shown)
}
