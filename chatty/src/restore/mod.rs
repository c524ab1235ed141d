//! `chatty restore`: brings a backup back, so that owners which are older than what others have seen do no harm.

mod files;
mod raise;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use shared::config::{Env, Settings};
use shared::events::topology::SERVICES;
use shared::lifecycle;

use crate::data_folder::{self, Layout};
use crate::output;
use crate::suite::{self, Operator};
use crate::{backup::Manifest, reconcile};

/// `chatty restore`.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup. Without it: the databases of the *_DATABASE_URL variables, which pg_restore has filled.
    folder: Option<PathBuf>,
    /// Run the services without serving anybody until all copies agree with their owners.
    #[arg(long)]
    verify: bool,
}

impl Restore {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        match (self.folder, suite::is_distributed(env)) {
            (Some(folder), false) => {
                let settings = Settings::from_env(env, suite::PORT)?;
                let _lock = data_folder::lock(&settings)?;
                bring_back(env, &settings, &folder).await?;
                if self.verify { Box::pin(verify(env)).await } else { Ok(ExitCode::SUCCESS) }
            }
            (Some(_), true) => bail!(
                "the *_DATABASE_URL variables are set: fill the databases with pg_restore, then run `chatty restore` without a folder"
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
                output::line("The databases are ready. Start the services, then run `chatty reconcile --fix`.")?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Fails while services are connected: they would write between the steps.
async fn refuse_running(operator: &Operator) -> anyhow::Result<()> {
    for service in &operator.services {
        let programs = shared::db::other_programs(service.db.read()).await;
        let programs = programs.with_context(|| format!("the database of {}", service.name))?;
        if !programs.is_empty() {
            bail!("{} is connected to the database of {}: stop all services first", programs.join(", "), service.name);
        }
    }
    Ok(())
}

/// Copies a backup into the data folder. What fails before the last step leaves the data folder as it was.
async fn bring_back(env: &Env, settings: &Settings, folder: &Path) -> anyhow::Result<()> {
    data_folder::refuse_half_restore(settings)?;
    let layout = Layout::of(env, settings)?;
    // SQLite would replay the log of another database into the one that comes back.
    let left = layout.databases.iter().flat_map(|(name, file)| {
        ["", "-wal", "-shm", "-journal"].map(|end| file.with_file_name(format!("{name}{end}")))
    });
    if let Some(file) = left.into_iter().find(|file| file.exists()) {
        bail!("{} is there already: restore into an empty data folder (CHATTY_DATA_DIR)", file.display());
    }
    let manifest = Manifest::read(folder)?;
    let restoring = data_folder::restoring(settings);
    let prepared = async {
        files::copy(&manifest, folder, &restoring).await?;
        let copies = env.clone().with("CHATTY_DATA_DIR", restoring.to_str().context("CHATTY_DATA_DIR is not UTF-8")?);
        let operator = Operator::open(&copies).await?;
        raise::raise(&operator).await?;
        operator.close().await;
        // The last one who closes a file empties its log; without that, what was raised would stay behind.
        if let Some(log) = SERVICES.map(|name| restoring.join(format!("{name}.db-wal"))).iter().find(|log| log.exists())
        {
            bail!("{} is left over: the database was not closed; restore again", log.display());
        }
        anyhow::Ok(())
    };
    if let Err(error) = prepared.await {
        if restoring.exists() {
            std::fs::remove_dir_all(&restoring).with_context(|| restoring.display().to_string())?;
        }
        return Err(error);
    }
    files::put_in_place(&restoring, &layout)?;
    output::line(format_args!(
        "{} files of {} are back in {}.",
        manifest.files.len(),
        manifest.created_at,
        settings.data_dir.display()
    ))
}

/// Runs the suite until nothing differs, and prints what was compared.
async fn verify(env: &Env) -> anyhow::Result<ExitCode> {
    let services = Box::pin(suite::build(env)).await?;
    let compared = async {
        let operator = Operator::open(env).await?;
        let reports = reconcile::wait(&operator, None, "the copies to be filled").await?;
        operator.close().await;
        anyhow::Ok(reports)
    };
    let reports = Box::pin(lifecycle::run_until(services, compared))
        .await
        .context("a service could not run; the log says why")??;
    reconcile::print(&reports, false)?;
    if reconcile::count(&reports) > 0 {
        bail!(
            "the copies of {} do not agree with their owners; they are tried again when chatty runs",
            SERVICES.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}
