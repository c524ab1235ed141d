//! The archive of everything that the suite holds about a person: asked for, made in the background, and deleted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use shared::error::ApiError;
use shared::export::{self, ExportPage};
use shared::http::{PeerError, Peers};
use shared::ids::UserId;
use shared::services::SERVICE_NAMES;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;
use uuid::Uuid;

use crate::archives::{ArchiveError, ArchiveWriter, Archives};
use crate::config::NAME;
use crate::credentials::Signer;
use crate::db::entities::exports::Model as Export;
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, exports, own_data};
use crate::domain::happening::Happening;
use crate::error::Error;
use crate::mail::MailQueue;

/// The pause between two looks for archives that were asked for.
const PAUSE: Duration = Duration::from_secs(1);
/// The time for which a replica that makes an archive keeps it to itself, and after which another try is made.
const CLAIMED_FOR: Duration = Duration::from_secs(60);

/// Finds the archive of a person. One that was not asked for yet is asked for, which the person is told by mail.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn request_export(db: &Db, mails: &MailQueue, user: &User) -> Result<Export, Error> {
    let now = db.clock().now();
    if let Some(known) = exports::find(db.read(), user.user_id(), now).await? {
        return Ok(known);
    }
    let tx = db.begin().await?;
    if exports::insert(&*tx, user.user_id(), format!("{}.zip", Uuid::new_v4()), now).await? {
        account_log::record_own(&*tx, Happening::ExportRequested, user.user_id(), now).await?;
        mails.add_export_requested(&*tx, user, now).await?;
    }
    let export = exports::find(&*tx, user.user_id(), now).await?.ok_or(Error::ExportNotFound)?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(export)
}

/// Writes that a person gets the archive.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn note_export_read(db: &Db, user: UserId) -> Result<(), Error> {
    let tx = db.begin().await?;
    account_log::record_own(&*tx, Happening::ExportRead, user, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// Deletes the archive of a person. Its file follows within seconds.
///
/// # Errors
/// [`Error::ExportNotFound`].
pub(crate) async fn delete_export(db: &Db, user: UserId) -> Result<(), Error> {
    let tx = db.begin().await?;
    if !exports::delete_of(&*tx, user).await? {
        return Err(Error::ExportNotFound);
    }
    Ok(tx.commit().await?)
}

/// The reason why an archive could not be made. Another try follows.
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
}

/// What archives are made with.
pub(crate) struct ExportMaker {
    pub(crate) db: Db,
    pub(crate) signer: Arc<Signer>,
    pub(crate) peers: Peers,
    pub(crate) archives: Archives,
}

impl ExportMaker {
    /// Makes the archives that people ask for, and deletes those whose time is over, until it is cancelled.
    pub(crate) async fn run(self, cancel: Cancel) {
        while !cancel.is_cancelled() {
            let work = async {
                if let Err(error) = self.make_next().await {
                    tracing::warn!(%error, "An archive of a person's data could not be made; trying again.");
                }
                if let Err(error) = self.delete_old().await {
                    tracing::warn!(%error, "Old archives could not be deleted; trying again.");
                }
                sleep(PAUSE).await;
            };
            tokio::select! { () = work => {}, () = cancel.cancelled() => {} }
        }
    }

    async fn delete_old(&self) -> Result<(), Error> {
        let tx = self.db.begin().await?;
        exports::delete_expired(&*tx, tx.clock().now()).await?;
        tx.commit().await?;
        let kept = exports::names(self.db.read()).await?.into_iter();
        let kept: HashSet<String> = kept.flat_map(|name| [ArchiveWriter::draft_of(&name), name]).collect();
        self.archives.retain(&kept).await.map_err(|error| ApiError::internal(error).into())
    }

    /// Makes one archive, if one was asked for.
    async fn make_next(&self) -> Result<(), Failure> {
        let now = self.db.clock().now();
        let tx = self.db.begin().await.map_err(Error::from)?;
        let export = exports::claim(&*tx, now, now + CLAIMED_FOR).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        let Some(export) = export else { return Ok(()) };
        let mut writer = self.archives.begin(&export.name).map_err(ArchiveError::from)?;
        for service in SERVICE_NAMES {
            if !self.record_step(&export, service).await? {
                return Ok(());
            }
            writer = if service == NAME {
                self.add_own(writer, UserId(export.user_id)).await?
            } else {
                self.add_part(writer, service, &export).await?
            };
        }
        writer.finish().await?;
        let tx = self.db.begin().await.map_err(Error::from)?;
        exports::mark_ready(&*tx, &export, self.db.clock().now()).await.map_err(Error::from)?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    async fn record_step(&self, export: &Export, service: &str) -> Result<bool, Error> {
        let tx = self.db.begin().await?;
        let until = tx.clock().now() + CLAIMED_FOR;
        let is_wanted = exports::record_step(&*tx, export, service, until).await?;
        tx.commit().await?;
        Ok(is_wanted)
    }

    /// Adds what this service itself holds.
    async fn add_own(&self, mut writer: ArchiveWriter, user: UserId) -> Result<ArchiveWriter, Failure> {
        for (kind, rows) in own_data::read(self.db.read(), user).await.map_err(Error::from)? {
            writer = writer.begin_rows(format!("{NAME}/{kind}.json")).await?;
            writer = writer.add_rows(rows).await?.end_rows().await?;
        }
        Ok(writer)
    }

    /// Adds what another service holds.
    async fn add_part(
        &self,
        mut writer: ArchiveWriter,
        service: &'static str,
        export: &Export,
    ) -> Result<ArchiveWriter, Failure> {
        let user = UserId(export.user_id);
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
            }
            writer = writer.end_rows().await?;
            for file in files {
                match self.get(service, &format!("{files_path}/{file}"), user).await {
                    Ok(content) => writer = writer.add_file(format!("{service}/files/{file}"), content).await?,
                    // It was deleted since its row was read.
                    Err(Failure::Peer(PeerError::Refused(_, status))) if status == 404 => {}
                    Err(error) => return Err(error),
                }
                if !self.record_step(export, service).await? {
                    return Ok(writer);
                }
            }
        }
        Ok(writer)
    }

    /// Gets something of a person's data from another service. Each request has a token of its own, which lives long
    /// enough for one.
    async fn get(&self, service: &'static str, path: &str, user: UserId) -> Result<Bytes, Failure> {
        let token = self.signer.sign_export_token(user, self.db.clock().now()).map_err(Error::from)?;
        Ok(self.peers.get(service, path, &token).await?)
    }
}
