//! The archive of everything that the suite holds about a person: its request, its making in the background, and its
//! deletion.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::json;
use shared::clock::Timestamp;
use shared::error::ApiError;
use shared::export::{self, ExportPage};
use shared::http::{PeerError, Peers};
use shared::ids::UserId;
use shared::services::SERVICE_NAMES;
use shared::tasks::{Backoff, Cancel};
use shared::work::Db;
use tokio::time::sleep;
use uuid::Uuid;

use super::two_factor::lock;
use crate::archives::{ArchiveError, ArchiveWriter, Archives};
use crate::config::NAME;
use crate::credentials::Signer;
use crate::db::entities::exports::Model as Export;
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, exports, limits, own_data};
use crate::domain::audit_event::AuditEvent;
use crate::domain::limit::EXPORTS;
use crate::error::Error;
use crate::mail::MailQueue;

/// The pause between two looks for archives that were asked for, and for files that are not needed any more.
const PAUSE: Duration = Duration::from_secs(1);
/// The time for which a replica claims an archive that it makes. A replica that fails does not return the claim, so the
/// next try follows after this time.
const CLAIMED_FOR: Duration = Duration::from_secs(60);
/// The age at which a claim is renewed.
const RENEWED_AFTER: Duration = Duration::from_secs(15);
/// The number of tries for one request to another service.
const TRIES: u32 = 6;
/// The most bytes of pictures in an archive. The names of further ones are listed in it.
const MAX_FILES: usize = 2 * 1024 * 1024 * 1024;

/// Finds the archive of a person. When there is none, it stores the request for one and tells the person by mail.
///
/// # Errors
/// [`Error::TooManyTries`] when one was asked for and deleted too often; [`Error::SessionEnded`] when the account has
/// ended meanwhile.
pub(crate) async fn request_export(db: &Db, mails: &MailQueue, user: &User) -> Result<Export, Error> {
    let (id, now) = (user.user_id(), db.clock().now());
    if let Some(known) = exports::find(db.read(), id, now).await? {
        return Ok(known);
    }
    let tx = db.begin().await?;
    // An erasure that comes first leaves nothing to export, and one that comes later deletes the row.
    lock(&tx, user).await?;
    if exports::insert(&*tx, id, format!("{}.zip", Uuid::new_v4()), now).await? {
        if !limits::take(&*tx, EXPORTS, &user.id.to_string(), now).await? {
            return Err(Error::TooManyTries(EXPORTS.period));
        }
        account_log::record_own(&*tx, AuditEvent::ExportRequested, id, now).await?;
        mails.add_export_requested(&*tx, user, now).await?;
    }
    let export = exports::find(&*tx, id, now).await?.ok_or(Error::ExportNotFound)?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(export)
}

/// Adds an entry to the log of accounts that a person reads the archive.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn note_export_read(db: &Db, user: UserId) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    account_log::count_own(&*tx, AuditEvent::ExportRead, user, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// Deletes the archive of a person. The file is deleted within seconds.
///
/// # Errors
/// [`Error::ExportNotFound`].
pub(crate) async fn delete_export(db: &Db, user: UserId) -> Result<(), Error> {
    // The file may be what fills the disk.
    let tx = db.begin_in_reserve().await?;
    if !exports::delete_of(&*tx, user).await? {
        return Err(Error::ExportNotFound);
    }
    Ok(tx.commit().await?)
}

/// The reason why a try to make an archive failed. Another try follows.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Error(#[from] Error),
    #[error("{0} answers what is no page: {1}")]
    NoPage(&'static str, serde_json::Error),
    /// It was deleted, or another replica makes it.
    #[error("the archive is not this replica's any more")]
    Lost,
}

/// The task that makes archives.
#[derive(Clone)]
pub(crate) struct ExportMaker {
    pub(crate) db: Db,
    pub(crate) signer: Arc<Signer>,
    pub(crate) peers: Peers,
    pub(crate) archives: Archives,
}

/// An archive that this replica makes.
struct Claim {
    export: Export,
    /// The time at which the claim was renewed.
    renewed_at: Timestamp,
    /// The bytes of pictures that are in the archive.
    bytes: usize,
    /// The paths of the pictures for which there was no room.
    left_out: Vec<String>,
}

impl ExportMaker {
    /// Makes the archives that people ask for, until it is cancelled.
    pub(crate) async fn make(self, cancel: Cancel) {
        while !cancel.is_cancelled() {
            let work = async {
                match self.make_next().await {
                    Ok(()) | Err(Failure::Lost) => {}
                    Err(error) => {
                        tracing::warn!(%error, "An archive of a person's data could not be made; trying again.");
                    }
                }
                sleep(PAUSE).await;
            };
            tokio::select! { () = work => {}, () = cancel.cancelled() => {} }
        }
    }

    /// Deletes the files of archives whose time is over or that were deleted, until it is cancelled.
    pub(crate) async fn tidy(self, cancel: Cancel) {
        while !cancel.is_cancelled() {
            let work = async {
                if let Err(error) = self.delete_old().await {
                    tracing::warn!(%error, "Old archives could not be deleted; trying again.");
                }
                sleep(PAUSE).await;
            };
            tokio::select! { () = work => {}, () = cancel.cancelled() => {} }
        }
    }

    /// Deletes the files that no row names, and then the rows whose time is over.
    async fn delete_old(&self) -> Result<(), Error> {
        let now = self.db.clock().now();
        // The files are listed before the rows. The row of an archive is stored before its file, so the row of every
        // listed file that is wanted is found.
        let files = self.archives.list().await.map_err(ApiError::internal)?;
        let rows = exports::list(self.db.read()).await?;
        let is_kept = |file: &str, row: &Export| {
            // The drafts of a finished archive are those of tries that nobody ended.
            let is_own = if row.ready_at.is_some() { file == row.name } else { file.starts_with(&row.name) };
            row.expires_at > now && is_own
        };
        for file in files.iter().filter(|file| !rows.iter().any(|row| is_kept(file, row))) {
            self.archives.delete(file).await.map_err(ApiError::internal)?;
        }
        if rows.iter().any(|row| row.expires_at <= now) {
            let tx = self.db.begin_in_reserve().await?;
            exports::delete_expired(&*tx, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Makes one archive, if one was asked for.
    async fn make_next(&self) -> Result<(), Failure> {
        let Some(mut claim) = self.claim().await? else { return Ok(()) };
        // Each try has a draft of its own: a replica that lost its claim cannot write into that of another one.
        let draft = format!("{}.{}.draft", claim.export.name, Uuid::new_v4());
        let made = self.fill(&mut claim, &draft).await;
        if made.is_err() {
            self.archives.delete(&draft).await.map_err(ArchiveError::from)?;
        }
        made
    }

    async fn claim(&self) -> Result<Option<Claim>, Error> {
        let now = self.db.clock().now();
        // Nearly always nobody waits, and then nothing is locked.
        let rows = exports::list(self.db.read()).await?;
        if !rows.iter().any(|row| row.ready_at.is_none() && row.claimed_until <= now) {
            return Ok(None);
        }
        let tx = self.db.begin().await?;
        let export = exports::claim(&*tx, now, now + CLAIMED_FOR).await?;
        tx.commit().await?;
        Ok(export.map(|export| Claim { export, renewed_at: now, bytes: 0, left_out: Vec::new() }))
    }

    async fn fill(&self, claim: &mut Claim, draft: &str) -> Result<(), Failure> {
        let mut writer = self.archives.begin(draft, &claim.export.name).await?;
        for service in SERVICE_NAMES {
            self.renew(claim, Some(service)).await?;
            writer = if service == NAME {
                self.add_own(writer, UserId(claim.export.user_id)).await?
            } else {
                self.add_part(writer, service, claim).await?
            };
        }
        if !claim.left_out.is_empty() {
            let rows = claim.left_out.drain(..).map(|path| json!({ "path": path })).collect();
            writer = writer.begin_rows("left_out.json".to_owned()).await?.add_rows(rows).await?.end_rows().await?;
        }
        self.renew(claim, None).await?;
        writer.finish().await?;
        let tx = self.db.begin().await.map_err(Error::from)?;
        let is_wanted = exports::mark_ready(&*tx, &claim.export, self.db.clock().now()).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        if is_wanted { Ok(()) } else { Err(Failure::Lost) }
    }

    /// Keeps the claim, at the beginning of a service's part and whenever it is older than a quarter of a minute.
    async fn renew(&self, claim: &mut Claim, service: Option<&'static str>) -> Result<(), Failure> {
        let now = self.db.clock().now();
        if service.is_none() && now < claim.renewed_at + RENEWED_AFTER {
            return Ok(());
        }
        let step = service.map(str::to_owned).or(claim.export.step.clone());
        let tx = self.db.begin().await.map_err(Error::from)?;
        let kept = exports::renew(&*tx, &claim.export, step.clone(), now + CLAIMED_FOR).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        if !kept {
            return Err(Failure::Lost);
        }
        claim.renewed_at = now;
        (claim.export.step, claim.export.claimed_until) = (step, now + CLAIMED_FOR);
        Ok(())
    }

    /// Adds the data that this service itself holds.
    async fn add_own(&self, mut writer: ArchiveWriter, user: UserId) -> Result<ArchiveWriter, Failure> {
        for (kind, rows) in own_data::read(self.db.read(), user).await.map_err(Error::from)? {
            writer = writer.begin_rows(format!("{NAME}/{kind}.json")).await?;
            writer = writer.add_rows(rows).await?.end_rows().await?;
        }
        Ok(writer)
    }

    /// Adds the data that another service holds.
    async fn add_part(
        &self,
        mut writer: ArchiveWriter,
        service: &'static str,
        claim: &mut Claim,
    ) -> Result<ArchiveWriter, Failure> {
        let user = UserId(claim.export.user_id);
        let (path, files_path) = (export::path(service), export::files_path(service));
        let no_page = |error| Failure::NoPage(service, error);
        let kinds = self.get(service, &path, user).await?;
        let kinds: Vec<String> = serde_json::from_slice(&kinds).map_err(no_page)?;
        for kind in kinds {
            writer = writer.begin_rows(format!("{service}/{kind}.json")).await?;
            let (mut after, mut files) = (Some(0), Vec::new());
            while let Some(cursor) = after {
                let page = self.get(service, &format!("{path}/{kind}?after={cursor}"), user).await?;
                let page: ExportPage = serde_json::from_slice(&page).map_err(no_page)?;
                writer = writer.add_rows(page.rows).await?;
                files.extend(page.files);
                after = page.next;
                self.renew(claim, None).await?;
            }
            writer = writer.end_rows().await?;
            for file in files {
                let content = match self.get(service, &format!("{files_path}/{file}"), user).await {
                    Ok(content) => content,
                    // It was deleted since its row was read.
                    Err(PeerError::Refused(_, status)) if status == 404 => continue,
                    Err(error) => return Err(error.into()),
                };
                let place = format!("{service}/files/{file}");
                if claim.bytes + content.len() > MAX_FILES {
                    claim.left_out.push(place);
                } else {
                    claim.bytes += content.len();
                    writer = writer.add_file(place, content).await?;
                }
                self.renew(claim, None).await?;
            }
        }
        Ok(writer)
    }

    /// Gets something of a person's data from another service. Each request has a token of its own, which lives long
    /// enough for one. A service that is busy, away or limits requests is asked again a few times.
    async fn get(&self, service: &'static str, path: &str, user: UserId) -> Result<Bytes, PeerError> {
        let mut backoff = Backoff::default();
        let mut tries = 1;
        loop {
            let token = self.signer.sign_export_token(user, self.db.clock().now());
            let token = token.map_err(|error| PeerError::Unreachable(NAME, error.to_string()))?;
            match self.peers.get(service, path, &token).await {
                Err(error) if error.may_pass() && tries < TRIES => {
                    tries += 1;
                    sleep(backoff.next_pause()).await;
                }
                outcome => return outcome,
            }
        }
    }
}
