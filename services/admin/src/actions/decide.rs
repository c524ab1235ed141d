//! The write by which an admin decides about a person, a post or a comment.

use axum::http::StatusCode;
use shared::auth::{AdminUser, CurrentUser};
use shared::clock::Timestamp;
use shared::error::ApiError;
use shared::events::{self, PublishError};
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::{Db, Tx};

use crate::alerts;
use crate::answers::Decided;
use crate::db::entities::decisions::{Model, Warnings};
use crate::db::queries::{audit, cases, decisions, targets};
use crate::domain::decision::{Actor, Decision, Outcome};
use crate::domain::target::{Action, Kind};
use crate::domain::warning::{MOST_WARNINGS, Warning};
use crate::error::Error;
use crate::streams::{CommentDecision, PostDecision, UserDecision};

/// A condition on what admins have decided about a target, see `domain::etag`. It gets the current number.
///
/// The condition is a function because the fields `If-Match` and `If-None-Match`, which the routes read, can only be
/// evaluated when the number is known.
pub(crate) type DecidedCondition = dyn Fn(i64) -> bool + Send + Sync;

/// Returns the admin as the one who decides.
pub(super) fn actor(user: &CurrentUser) -> Actor {
    Actor { id: user.id, username: user.username.clone() }
}

/// Stores and publishes a decision if it changes anything, adds its entry to the audit log in the same transaction, and
/// then reports it to Sentry. An attempt on a target that does not exist or does not admit the action is logged and
/// reported too.
///
/// # Errors
/// [`Error::Oneself`] when the admin is the person to be blocked; [`Error::NotFound`] when the target does not exist or
/// does not admit the action; [`Error::Changed`] when the condition is not met; [`Error::Request`] for a bad repetition; [`Error::Db`], [`Error::Publish`] or
/// [`Error::Commit`] when the transaction fails.
pub(crate) async fn decide(
    db: &Db,
    admin: &AdminUser,
    mut key: IdempotencyKey,
    decision: &Decision,
    condition: Option<&DecidedCondition>,
) -> Result<Answer, Error> {
    let Decision { kind, target_id, action, .. } = *decision;
    let what = format!("{} {} {target_id}", action.as_str(), kind.as_str());
    let mut tx = db.begin().await?;
    let until = decision.until.map(|until| until.to_string()).unwrap_or_default();
    let sent = [decision.reason.as_deref().unwrap_or_default().as_bytes(), until.as_bytes()];
    if let Some(known) = key.find(&tx, Some(admin.0.id), &sent).await? {
        tx.rollback().await?;
        return Ok(known);
    }
    // The case comes before the target, in all writes, so that two of them cannot wait for each other.
    let case = cases::lock_of(&tx, kind, target_id).await?;
    let made = match make(&mut tx, &actor(&admin.0), decision).await {
        Ok(made) => made,
        Err(error) => {
            // Now, because dropping the transaction would free the key only later.
            tx.rollback().await?;
            return Err(error);
        }
    };
    let Some(made) = made else {
        audit::append(&tx, &actor(&admin.0), decision, Outcome::NotFound).await?;
        tx.commit().await?;
        alerts::report_missing_target(admin, &format!("{what}: not found"));
        return Err(Error::NotFound(kind));
    };
    let decided = made.version_before + case.map_or(0, |case| case.version);
    if condition.is_some_and(|holds| !holds(decided)) {
        tx.rollback().await?;
        return Err(Error::Changed);
    }
    let answer = key.answer(&tx, StatusCode::OK, &Decided::of(decision)).await?;
    tx.commit().await?;
    alerts::report_success(admin, &what);
    Ok(answer)
}

/// A decision that a transaction has made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// The version of the decision about the target before; 0 without one.
    pub(super) version_before: i64,
    /// The new version; `None` when the same decision was in force already.
    pub(super) version: Option<i64>,
}

/// Stores and publishes a decision as a part of the transaction, if it changes anything, and adds its entry to the audit
/// log. `None` when the target does not exist or does not admit the action: then nothing was stored.
///
/// # Errors
/// [`Error::Oneself`] when the person to be blocked decides; [`Error::Request`] for an end that has passed; [`Error::Db`] or
/// [`Error::Publish`].
pub(super) async fn make(tx: &mut Tx, actor: &Actor, decision: &Decision) -> Result<Option<Made>, Error> {
    let Decision { kind, target_id, action, .. } = *decision;
    if action == Action::Block && target_id == actor.id.0 {
        return Err(Error::Oneself);
    }
    if decision.until.is_some_and(|until| until <= tx.clock().now()) {
        return Err(ApiError::invalid_field("until", "must be in the future").into());
    }
    let found = targets::lock(tx, kind, target_id).await?.filter(|(target, _)| target.admits(action));
    let Some((_, current)) = found else { return Ok(None) };
    let version_before = current.as_ref().map_or(0, |row| row.version);
    let next = next_decision(current, decision, actor.id, tx.clock().now());
    let version = next.as_ref().map(|row| row.version);
    if let Some(row) = next {
        decisions::store(tx, row.clone()).await?;
        publish(tx, kind, row)?;
    }
    audit::append(tx, actor, decision, Outcome::Done).await?;
    Ok(Some(Made { version_before, version }))
}

/// Returns the row of a decision after another one; `None` when that changes nothing.
fn next_decision(current: Option<Model>, decision: &Decision, actor: UserId, now: Timestamp) -> Option<Model> {
    let mut row = current.unwrap_or_else(|| Model {
        kind: decision.kind.as_str().to_owned(),
        target_id: decision.target_id,
        version: 0,
        hidden: false,
        reason: None,
        actor_id: actor,
        created_at: now,
        updated_at: now,
        hidden_until: None,
        hidden_version: None,
        warnings: None,
    });
    let version = row.version + 1;
    let hides = match decision.action {
        Action::Block | Action::Remove => true,
        Action::Unblock | Action::Restore => false,
        Action::Warn | Action::Withdraw(_) => {
            let warnings = change_warnings(row.warnings.take().unwrap_or_default().0, decision, version, now)?;
            // The time of the last decision stays that of who has hidden or shown the person.
            return Some(Model { version, warnings, ..row });
        }
    };
    let until = decision.until.filter(|_| hides);
    if row.hidden == hides && row.hidden_until == until {
        return None;
    }
    row.hidden_version = Some(version);
    let reason = decision.reason.clone();
    Some(Model { version, hidden: hides, hidden_until: until, reason, actor_id: actor, updated_at: now, ..row })
}

/// Adds or withdraws a warning. `None` when the warning to be withdrawn is not there; the inner `None` stands for no
/// warnings.
fn change_warnings(
    mut warnings: Vec<Warning>,
    decision: &Decision,
    version: i64,
    now: Timestamp,
) -> Option<Option<Warnings>> {
    if let Action::Withdraw(id) = decision.action {
        let before = warnings.len();
        warnings.retain(|warning| warning.id != id);
        if warnings.len() == before {
            return None;
        }
    } else {
        let text = decision.reason.clone().unwrap_or_default();
        warnings.push(Warning { id: version, text, at: now });
        warnings.drain(..warnings.len().saturating_sub(MOST_WARNINGS));
    }
    Some((!warnings.is_empty()).then_some(Warnings(warnings)))
}

/// Publishes a decision on the stream of its kind.
pub(super) fn publish(tx: &mut Tx, kind: Kind, row: Model) -> Result<(), PublishError> {
    match kind {
        Kind::User => events::publish(tx, &[UserDecision::from(row)]),
        Kind::Post => events::publish(tx, &[PostDecision::from(row)]),
        Kind::Comment => events::publish(tx, &[CommentDecision::from(row)]),
    }
}
