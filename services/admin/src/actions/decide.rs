//! The write by which an admin decides about a person, a post or a comment.

use shared::auth::AdminUser;
use shared::events::{self, PublishError};
use shared::work::{Db, Tx};

use crate::db::entities::decisions::Model;
use crate::db::queries::{audit, decisions, targets};
use crate::domain::decision::{Decision, Outcome};
use crate::domain::target::{Action, Kind};
use crate::error::Error;
use crate::reports;
use crate::streams::{CommentDecision, PostDecision, UserDecision};

/// Stores and publishes a decision if it changes anything, adds its entry to the audit log in the same transaction, and
/// then reports it to Sentry. An attempt on a target that does not exist or does not admit the action is logged and
/// reported too.
///
/// # Errors
/// [`Error::Oneself`] when the admin is the person to be blocked; [`Error::NotFound`] when the target does not exist or
/// does not admit the action; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn decide(db: &Db, admin: &AdminUser, decision: &Decision) -> Result<(), Error> {
    let Decision { kind, target_id, action, .. } = *decision;
    if action == Action::Block && target_id == admin.0.id.0 {
        return Err(Error::Oneself);
    }
    let what = format!("{} {} {target_id}", action.as_str(), kind.as_str());
    let mut tx = db.begin().await?;
    let target = targets::find(&*tx, kind, target_id).await?;
    if !target.is_some_and(|target| target.admits(action)) {
        audit::append(&tx, &admin.0, decision, Outcome::NotFound).await?;
        tx.commit().await?;
        reports::report_missing_target(admin, &format!("{what}: not found"));
        return Err(Error::NotFound(kind));
    }
    if let Some(row) = decisions::store(&tx, decision, admin.0.id).await? {
        publish(&mut tx, kind, row)?;
    }
    audit::append(&tx, &admin.0, decision, Outcome::Done).await?;
    tx.commit().await?;
    reports::report_success(admin, &what);
    Ok(())
}

/// Publishes a decision on the stream of its kind.
fn publish(tx: &mut Tx, kind: Kind, row: Model) -> Result<(), PublishError> {
    match kind {
        Kind::User => events::publish(tx, &[UserDecision::from(row)]),
        Kind::Post => events::publish(tx, &[PostDecision::from(row)]),
        Kind::Comment => events::publish(tx, &[CommentDecision::from(row)]),
    }
}
