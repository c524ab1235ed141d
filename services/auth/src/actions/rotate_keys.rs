//! The rotation of signing keys. An operator asks for a new key in the database; a running replica makes it, because
//! only this service has the key file; and every replica follows (ADR 27).

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shared::auth::Keys;
use shared::clock::Timestamp;
use shared::db::CommitError;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;

use crate::credentials::Signer;
use crate::db::queries::{account_log, signing_keys};
use crate::domain::audit_event::AuditEvent;
use crate::domain::key_ring::{KeyTimes, PUBLISHED_BEFORE, Stage, stages};
use crate::error::Error;

/// The pause between two looks at the table.
const PAUSE: Duration = Duration::from_secs(2);

/// Makes requested keys and takes over new ones, every two seconds until it is cancelled.
pub(crate) async fn follow_keys(db: Db, signer: Arc<Signer>, keys: Keys, cancel: Cancel) {
    loop {
        tokio::select! { () = sleep(PAUSE) => {}, () = cancel.cancelled() => return }
        if let Err(error) = update_keys(&db, &signer, &keys).await {
            tracing::warn!(%error, "The signing keys could not be looked up; trying again.");
        }
    }
}

/// Makes the keys that were asked for, and loads all keys of the table, both for signing and for the verification of
/// tokens in this process.
pub(crate) async fn update_keys(db: &Db, signer: &Signer, keys: &Keys) -> Result<(), Error> {
    let mut rows = signing_keys::list(db.read()).await?;
    for row in rows.iter().filter(|row| row.sealed.is_none()) {
        let (kid, sealed) = signer.generate()?;
        let now = db.clock().now();
        let used_from = if row.at_once { now } else { now + PUBLISHED_BEFORE };
        let tx = db.begin().await?;
        if signing_keys::fulfil(&*tx, row.id, kid.clone(), sealed, used_from).await? {
            account_log::record_by_nobody(&*tx, AuditEvent::SigningKeyMade, None, now).await?;
            tracing::info!(key.id = kid, "A signing key was made; it is used from {used_from} on.");
        }
        tx.commit().await?;
    }
    if rows.iter().any(|row| row.sealed.is_none()) {
        rows = signing_keys::list(db.read()).await?;
    }
    signer.set_later_keys(&rows);
    keys.replace(&signer.public_keys(db.clock().now())).await;
    Ok(())
}

/// A signing key, as the operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyState {
    /// The id in the database; 0 for the key in the key file.
    pub id: i64,
    /// The id that tokens name; absent until the key is made, and for the key in the key file, which commands do not
    /// read.
    pub kid: Option<String>,
    /// The stage: `requested`, `waiting`, `signing`, `retiring` or `retired`.
    pub stage: &'static str,
    /// The time from which the key is used; absent until the key is made, and for the key in the key file.
    pub used_from: Option<Timestamp>,
}

/// The reason why the keys could not be listed or asked for.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Db(#[from] sea_orm::DbErr),
    /// The database refused the commit, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A key that was asked for before is not in use yet.
    #[error("a new key is on its way already; `chatty keys list` shows it, and --now does not wait for it")]
    UnderWay,
}

/// Asks for a new signing key, which the running service makes within seconds. With `at_once` it is used immediately,
/// and all earlier keys end.
///
/// # Errors
/// [`KeysError`]. Nothing is stored then, unless the outcome of the commit is unknown.
pub async fn request_key(db: &Db, at_once: bool) -> Result<(), KeysError> {
    let is_coming = |key: &KeyState| matches!(key.stage, "requested" | "waiting");
    if !at_once && list_keys(db).await?.iter().any(is_coming) {
        return Err(KeysError::UnderWay);
    }
    let tx = db.begin().await?;
    signing_keys::request(&*tx, at_once, db.clock().now()).await?;
    account_log::record_by_nobody(&*tx, AuditEvent::SigningKeyRequested, None, db.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// Lists all signing keys, from the oldest to the newest.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_keys(db: &Db) -> Result<Vec<KeyState>, KeysError> {
    let rows = signing_keys::list(db.read()).await?;
    let (made, requested): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.used_from.is_some());
    let first = KeyTimes { used_from: None, ends_others: false };
    let later = made.iter().map(|row| KeyTimes { used_from: row.used_from, ends_others: row.at_once });
    let stages = stages(std::iter::once(first).chain(later), db.clock().now());
    let ids = std::iter::once((0, None, None)).chain(made.into_iter().map(|row| (row.id, row.kid, row.used_from)));
    let made = ids.zip(stages).map(|((id, kid, used_from), stage)| KeyState { id, kid, stage: name(stage), used_from });
    let requested =
        requested.into_iter().map(|row| KeyState { id: row.id, kid: None, stage: "requested", used_from: None });
    Ok(made.chain(requested).collect())
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Signing => "signing",
        Stage::Retiring => "retiring",
        Stage::Retired => "retired",
    }
}
