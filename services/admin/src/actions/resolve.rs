//! The writes of the moderation desk: the resolution of cases, and its undoing.

use std::collections::HashSet;

use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::events;
use shared::work::{Db, Tx};

use super::decide::{DecidedCondition, actor, make};
use crate::alerts;
use crate::db::entities::cases::Model;
use crate::db::queries::audit::Entry;
use crate::db::queries::{audit, cases, decisions, reports};
use crate::domain::decision::{Actor, Decision, Outcome};
use crate::domain::report::{DeskAction, Status};
use crate::domain::target::{Action, Kind};
use crate::error::Error;
use crate::streams::OutcomeState;

/// The cases that an admin chooses, and what the admin has seen of them.
pub(crate) enum Chosen {
    /// One case, with the condition of the request.
    One(i64, Option<Box<DecidedCondition>>),
    /// Several cases, each with the version that it must still have; `None` if any will do.
    Several(Vec<(i64, Option<i64>)>),
}

impl Chosen {
    /// Returns the ids in ascending order, each once.
    pub(crate) fn ids(&self) -> Vec<i64> {
        let mut ids = match self {
            Self::One(id, _) => vec![*id],
            Self::Several(cases) => cases.iter().map(|(id, _)| *id).collect(),
        };
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Returns whether a case is as the admin has seen it.
    fn admits(&self, id: i64, decided: i64) -> bool {
        match self {
            Self::One(_, condition) => condition.as_ref().is_none_or(|holds| holds(decided)),
            Self::Several(cases) => {
                let mut expected = cases.iter().filter(|(case, _)| *case == id).filter_map(|(_, version)| *version);
                expected.all(|version| version == decided)
            }
        }
    }
}

/// The action of an admin on cases, with its details.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    pub(crate) action: DeskAction,
    pub(crate) reason: Option<String>,
    /// The time at which a block ends.
    pub(crate) until: Option<Timestamp>,
    pub(crate) request_id: String,
}

/// Resolves all of these cases or none: makes the decision that the action consists of, ends the open reports, and
/// publishes their outcomes. One author of several targets is warned once.
///
/// # Errors
/// [`Error::CaseNotFound`]; [`Error::CaseChanged`] when a case is not as the admin has seen it; [`Error::CaseResolved`]
/// when a case is not open; [`Error::NotRemovable`], [`Error::NotFound`] or [`Error::Oneself`] when the target does not
/// admit the action; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn resolve(db: &Db, admin: &AdminUser, chosen: &Chosen, resolution: &Resolution) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let mut locked = lock(&tx, chosen).await?;
    if let Some(case) = locked.iter().find(|case| Status::named(&case.status) != Status::Open) {
        return Err(Error::CaseResolved(case.id));
    }
    // Decisions lock their targets, in this order, so that two admins cannot wait for each other.
    locked.sort_by_key(|case| (decided_target(case, resolution.action).ok(), case.id));
    let (actor, now) = (actor(&admin.0), tx.clock().now());
    let (mut outcomes, mut warned) = (Vec::new(), HashSet::new());
    for case in locked {
        let decided_version = match resolution.action.decision() {
            Some(action) if action != Action::Warn || warned.insert(case.author_id) => {
                decide_about(&mut tx, &actor, &case, action, resolution).await?
            }
            _ => None,
        };
        let number = case.version + 1;
        outcomes.extend(reports::close(&tx, case.id, number, resolution.action.outcome()).await?);
        log(&tx, &actor, &case, resolution.action.as_str(), resolution.reason.as_deref(), &resolution.request_id)
            .await?;
        let resolved = Model {
            version: number,
            status: resolution.action.status().as_str().to_owned(),
            resolution: Some(number),
            action: Some(resolution.action.as_str().to_owned()),
            decided_version,
            resolution_reason: resolution.reason.clone(),
            resolver_id: Some(actor.id),
            resolved_at: Some(now),
            ..case
        };
        cases::store(&tx, resolved).await?;
    }
    let states: Vec<OutcomeState> = outcomes.into_iter().map(OutcomeState::from).collect();
    events::publish(&mut tx, &states)?;
    tx.commit().await?;
    alerts::report_success(admin, &format!("{} cases {:?}", resolution.action.as_str(), chosen.ids()));
    Ok(())
}

/// Undoes the last resolutions of all of these cases, or of none: makes the opposite decision if nobody has decided
/// otherwise since, and opens the reports again that the resolution has ended.
///
/// # Errors
/// [`Error::CaseNotFound`]; [`Error::CaseChanged`] when a case is not as the admin has seen it; [`Error::NothingToUndo`]
/// when a case has no resolution; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn reopen(
    db: &Db,
    admin: &AdminUser,
    chosen: &Chosen,
    reason: Option<String>,
    request_id: String,
) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let mut locked = lock(&tx, chosen).await?;
    let action_of = |case: &Model| case.action.as_deref().and_then(DeskAction::named);
    locked.sort_by_key(|case| (action_of(case).and_then(|action| decided_target(case, action).ok()), case.id));
    let actor = actor(&admin.0);
    let mut outcomes = Vec::new();
    for case in locked {
        let (Some(number), Some(action)) = (case.resolution, action_of(&case)) else {
            return Err(Error::NothingToUndo(case.id));
        };
        undo_decision(&mut tx, &actor, &case, action, (reason.as_ref(), &request_id)).await?;
        outcomes.extend(reports::reopen(&tx, case.id, number).await?);
        log(&tx, &actor, &case, "reopen", reason.as_deref(), &request_id).await?;
        let reopened = Model {
            version: case.version + 1,
            status: Status::Open.as_str().to_owned(),
            resolution: None,
            action: None,
            decided_version: None,
            resolution_reason: None,
            resolver_id: None,
            resolved_at: None,
            ..case
        };
        cases::store(&tx, reopened).await?;
    }
    let states: Vec<OutcomeState> = outcomes.into_iter().map(OutcomeState::from).collect();
    events::publish(&mut tx, &states)?;
    tx.commit().await?;
    alerts::report_success(admin, &format!("reopen cases {:?}", chosen.ids()));
    Ok(())
}

/// Locks the chosen cases, and checks that they are as the admin has seen them.
async fn lock(tx: &Tx, chosen: &Chosen) -> Result<Vec<Model>, Error> {
    let ids = chosen.ids();
    let locked = cases::lock_all(tx, &ids).await?;
    if let Some(missing) = ids.iter().find(|id| locked.iter().all(|case| case.id != **id)) {
        return Err(Error::CaseNotFound(*missing));
    }
    for case in &locked {
        let Some(kind) = Kind::named(&case.target_kind) else { return Err(Error::CaseNotFound(case.id)) };
        // A decision about the target locks this case too, unless it is made by way of another thing by the same person.
        // Such a one may come in between.
        let decision = decisions::find(&**tx, kind, case.target_id).await?;
        let decided = case.version + decision.map_or(0, |decision| decision.version);
        if !chosen.admits(case.id, decided) {
            return Err(Error::CaseChanged(case.id));
        }
    }
    Ok(locked)
}

/// Returns the target of the decision that an action on a case consists of: the reported thing itself, or its author.
fn decided_target(case: &Model, action: DeskAction) -> Result<(Kind, i64), Error> {
    let kind = Kind::named(&case.target_kind).ok_or(Error::CaseNotFound(case.id))?;
    match action {
        DeskAction::Resolve | DeskAction::Dismiss => Ok((kind, case.target_id)),
        DeskAction::Remove if kind == Kind::User => Err(Error::NotRemovable),
        DeskAction::Remove => Ok((kind, case.target_id)),
        DeskAction::Block | DeskAction::Warn => {
            case.author_id.map(|author| (Kind::User, author.0)).ok_or(Error::NotFound(Kind::User))
        }
    }
}

/// Makes the decision about a case, and returns its version; `None` when the same was in force already.
async fn decide_about(
    tx: &mut Tx,
    actor: &Actor,
    case: &Model,
    action: Action,
    resolution: &Resolution,
) -> Result<Option<i64>, Error> {
    let (kind, target_id) = decided_target(case, resolution.action)?;
    let Resolution { reason, until, request_id, .. } = resolution.clone();
    let decision = Decision { kind, target_id, action, reason, until, request_id };
    Ok(make(tx, actor, &decision).await?.ok_or(Error::NotFound(kind))?.version)
}

/// Makes the opposite of the decision that a resolution has made. A decision of somebody else that came later stays, and
/// so does everything when the target does not admit the opposite any more.
async fn undo_decision(
    tx: &mut Tx,
    actor: &Actor,
    case: &Model,
    action: DeskAction,
    (reason, request_id): (Option<&String>, &str),
) -> Result<(), Error> {
    let (Some(version), Ok((kind, target_id))) = (case.decided_version, decided_target(case, action)) else {
        return Ok(());
    };
    let opposite = match action {
        DeskAction::Resolve | DeskAction::Dismiss => return Ok(()),
        DeskAction::Remove => Action::Restore,
        DeskAction::Block => Action::Unblock,
        DeskAction::Warn => Action::Withdraw(version),
    };
    if action != DeskAction::Warn {
        let current = decisions::find(&**tx, kind, target_id).await?;
        if current.and_then(|current| current.hidden_version) != Some(version) {
            return Ok(());
        }
    }
    let (reason, request_id) = (reason.cloned(), request_id.to_owned());
    let decision = Decision { kind, target_id, action: opposite, reason, until: None, request_id };
    make(tx, actor, &decision).await.map(|_| ())
}

/// Adds the entry about a case to the audit log.
async fn log(
    tx: &Tx,
    actor: &Actor,
    case: &Model,
    action: &str,
    reason: Option<&str>,
    request_id: &str,
) -> Result<(), Error> {
    let kind = Kind::named(&case.target_kind).ok_or(Error::CaseNotFound(case.id))?;
    // The decision has an entry of its own. This one is about the case.
    let action = format!("{action}_case");
    let entry = Entry { action: &action, kind, target_id: case.target_id, reason, request_id };
    Ok(audit::append_entry(tx, actor, &entry, Outcome::Done).await?)
}
