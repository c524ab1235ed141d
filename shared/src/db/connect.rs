//! Opening the database that the settings name: a SQLite file, one Postgres host, or the primary among several hosts.
//!
//! This file decides which of the three is opened, so that nothing above it has to know.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use secrecy::ExposeSecret;
use tokio::task::JoinSet;

use super::failover::Follower;
use super::pools::{ACQUIRE_BACKGROUND, ACQUIRE_REQUEST, Pools};
use super::write_health::WriteHealth;
use crate::config::{Settings, host_urls};

/// The `application_name` of the operator's commands. Services are called `chatty-NAME`, so that a command that looks
/// for running services does not take its own connections for those of a service.
const OPERATOR_NAME: &str = "chatty";

/// The properties of the connecting program in which its connections differ from those of other programs.
pub(crate) struct Program {
    /// The `application_name` of its connections, which Postgres shows in `pg_stat_activity`.
    name: String,
    /// The longest time that a request of the program waits for a connection, except for SQLite's writer.
    pub(crate) acquire_timeout: Duration,
}

impl Program {
    /// Describes a running service.
    pub(crate) fn service(name: &str) -> Self {
        Self { name: format!("chatty-{name}"), acquire_timeout: ACQUIRE_REQUEST }
    }

    /// Describes a command of the operator. A command waits longer than a request, because no client repeats it.
    pub(crate) fn operator() -> Self {
        Self { name: OPERATOR_NAME.to_owned(), acquire_timeout: ACQUIRE_BACKGROUND }
    }
}

/// The result of [`connect`]: open connection pools and the parts that watch over them.
pub(crate) struct Connected {
    pub(crate) pools: Arc<Pools>,
    pub(crate) health: WriteHealth,
    /// The task that keeps the pools on the primary; absent for a single host and for a file. Dropping it ends the
    /// task.
    pub(crate) follower: Option<JoinSet<()>>,
}

/// Prepares the connection pools of `service`. Connections are opened at first use, so this succeeds while Postgres is
/// down.
///
/// # Errors
/// When the URL or the data folder cannot be used.
pub(crate) async fn connect(settings: &Settings, service: &'static str, program: &Program) -> Result<Connected, DbErr> {
    let Some(url) = &settings.database_url else {
        settings.create_data_dir().map_err(|error| DbErr::Custom(error.to_string()))?;
        let file = sqlite_file(&settings.data_dir, service);
        let health = WriteHealth::new(service, Some(file.clone()));
        let pools = Arc::new(Pools::sqlite(&file, &health, program.acquire_timeout));
        return Ok(Connected { pools, health, follower: None });
    };
    let urls = host_urls(url.expose_secret()).map_err(|error| DbErr::Custom(error.to_owned()))?;
    let (health, connections) = (WriteHealth::new(service, None), settings.database_max_connections);
    // A single host has no timeline to compare and nothing to follow.
    if let [url] = urls.as_slice() {
        let pools = Pools::postgres(url, &health, &program.name, connections, program.acquire_timeout, None).await?;
        return Ok(Connected { pools: Arc::new(pools), health, follower: None });
    }
    let (program, acquire_timeout) = (program.name.clone(), program.acquire_timeout);
    let follower = Follower { urls, service, program, connections, acquire_timeout, health: health.clone() };
    let (pools, follower) = follower.start().await?;
    Ok(Connected { pools, health, follower: Some(follower) })
}

/// Returns the path of a service's SQLite file. Backups and restores rely on this name.
fn sqlite_file(data_dir: &Path, service: &str) -> std::path::PathBuf {
    data_dir.join(format!("{service}.db"))
}
