//! `chatty restore`: brings a backup back into use.
//!
//! A restored database is older than the data that clients and other services have seen of it. Used as it is, it would
//! assign versions and ids a second time. So a restore raises both, and lets all copies be filled again
//! (docs/adr/0015).

mod files;
mod raise;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use shared::config::{Env, Settings};
use shared::lifecycle;
use shared::services::SERVICE_NAMES;

use crate::data_folder::{self, Layout};
use crate::output;
use crate::suite::{self, Operator};
use crate::{backup::Manifest, reconcile};

/// The arguments of `chatty restore`.
#[derive(Args)]
pub(crate) struct Restore {
    /// The folder of the backup. Without it: the databases of the *_DATABASE_URL variables, which pg_restore has
    /// filled.
    folder: Option<PathBuf>,
    /// Run the services after the restore, without serving requests, until all copies agree with their owners.
    #[arg(long)]
    verify: bool,
}

impl Restore {
    /// Restores in one of the two forms of the suite, or fails with the arguments that the form needs.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        match (self.folder, suite::is_distributed(env)) {
            (Some(folder), false) => {
                let settings = Settings::from_env(env, suite::PORT)?;
                let _lock = data_folder::lock(&settings)?;
                bring_back(env, &settings, &folder).await?;
                if self.verify { Box::pin(verify(env)).await } else { Ok(ExitCode::SUCCESS) }
            }
            (Some(_), true) => bail!(
                "the *_DATABASE_URL variables are set: fill the databases with pg_restore, then run `chatty restore` \
                 without a folder"
            ),
            (None, false) => bail!("name the folder of a backup"),
            (None, true) if self.verify => {
                bail!(
                    "--verify needs the services: run `chatty restore`, start them, then run `chatty reconcile --fix`"
                )
            }
            (None, true) => {
                let operator = Operator::open(env).await?;
                refuse_running(&operator).await?;
                raise::raise(&operator).await?;
                operator.close().await;
                output::print_line("The databases are ready. Start the services, then run `chatty reconcile --fix`.")?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Fails while services are connected to a database, because they would write between the steps of the restore.
async fn refuse_running(operator: &Operator) -> anyhow::Result<()> {
    for service in &operator.services {
        let programs = shared::db::connected_services(service.db.read()).await;
        let programs = programs.with_context(|| format!("the database of {}", service.name))?;
        if !programs.is_empty() {
            bail!("{} is connected to the database of {}: stop all services first", programs.join(", "), service.name);
        }
    }
    Ok(())
}

/// Copies a backup into the data folder and prepares its databases for use.
///
/// # Errors
/// When the backup or the data folder cannot be used. Every error before the last step, which moves the files into
/// place, leaves the data folder as it was. If that step is interrupted, a start is refused until the data folder has
/// been emptied and the restore repeated.
async fn bring_back(env: &Env, settings: &Settings, folder: &Path) -> anyhow::Result<()> {
    data_folder::refuse_interrupted_restore(settings)?;
    let layout = Layout::of(env, settings)?;
    // A write-ahead log or journal that is left over counts too: SQLite would replay it into the restored database.
    let existing = layout.databases.iter().flat_map(|(name, file)| {
        ["", "-wal", "-shm", "-journal"].map(|end| file.with_file_name(format!("{name}{end}")))
    });
    if let Some(file) = existing.into_iter().find(|file| file.exists()) {
        bail!("{} is there already: restore into an empty data folder (CHATTY_DATA_DIR)", file.display());
    }
    let manifest = Manifest::read(folder)?;
    let restoring = data_folder::restore_folder(settings);
    let prepare = async {
        files::copy_and_check(&manifest, folder, &restoring).await?;
        // The operator opens the prepared files, not those in the data folder itself.
        let copies = env.clone().with("CHATTY_DATA_DIR", restoring.to_str().context("CHATTY_DATA_DIR is not UTF-8")?);
        let operator = Operator::open(&copies).await?;
        raise::raise(&operator).await?;
        operator.close().await;
        // The last connection of a file writes its log back when it closes. Only the database file itself is moved, so
        // anything left in a log would be lost.
        if let Some(log) =
            SERVICE_NAMES.map(|name| restoring.join(format!("{name}.db-wal"))).iter().find(|log| log.exists())
        {
            bail!("{} is left over: the database was not closed; restore again", log.display());
        }
        anyhow::Ok(())
    };
    if let Err(error) = prepare.await {
        // Nothing was put in place yet. Without this folder a start is allowed, and the restore can be repeated.
        if restoring.exists() {
            std::fs::remove_dir_all(&restoring).with_context(|| restoring.display().to_string())?;
        }
        return Err(error);
    }
    files::put_in_place(&restoring, &layout)?;
    output::print_line(format_args!(
        "{} files of {} are back in {}.",
        manifest.files.len(),
        manifest.created_at,
        settings.data_dir.display()
    ))
}

/// Runs the services until no copy differs from its owner, and prints the result of the comparison.
///
/// # Errors
/// When a service cannot run, or the copies stop coming closer to their owners.
async fn verify(env: &Env) -> anyhow::Result<ExitCode> {
    let services = Box::pin(suite::build(env)).await?.services;
    let compared = async {
        let operator = Operator::open(env).await?;
        let reports = reconcile::wait_until_equal(&operator, None, "the copies to be filled").await?;
        operator.close().await;
        anyhow::Ok(reports)
    };
    let reports = Box::pin(lifecycle::run_until(services, compared))
        .await
        .context("a service could not run; the log says why")??;
    reconcile::print_reports(&reports, false)?;
    if reconcile::count_rows(&reports) > 0 {
        bail!(
            "the copies of {} do not agree with their owners; they are tried again when chatty runs",
            SERVICE_NAMES.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}
