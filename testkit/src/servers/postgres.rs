//! A private Postgres, and its synchronous standby.
//!
//! Postgres refuses to run as root, so root starts it as another user, who owns its data.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::servers::machine::{self, Account};
use crate::servers::process::{Ending, Probe, Process, Spec};

const SUPERUSER: &str = "postgres";
/// The standby's name: as a part of a stack, and as the application name under which its primary knows it.
pub const STANDBY: &str = "standby";

/// The address of a server on this machine, with its superuser's password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostgresAddress {
    /// The port on the loopback address.
    pub port: u16,
    /// The superuser's password.
    pub password: String,
    programs: PathBuf,
}

/// A running private server, in a folder of its own. Dropping it stops the server and removes the folder.
#[derive(Debug)]
pub struct Postgres {
    address: PostgresAddress,
    // Dropped in this order: the process ends before its folder is removed.
    process: Process,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server. If `durable` is false, the server never waits for the disk (`fsync=off`), and is killed in the
    /// end. That is for tests, which begin with empty databases.
    pub async fn start(durable: bool) -> Result<Self> {
        let folder = machine::fresh_folder("postgres")?;
        let [port] = machine::free_ports()?;
        let log = folder.path().join("postgres.log");
        let (address, spec) = PostgresAddress::prepare(&folder.path().join("data"), port, log, durable)?;
        let process = Process::start(spec, Some(folder.path())).await?;
        Ok(Self { address, process, _folder: folder })
    }

    /// Starts a synchronous standby of this server, which must be durable. From then on each commit here waits until it
    /// is on the standby's disk, too.
    pub async fn start_standby(&self) -> Result<Self> {
        let folder = machine::fresh_folder("standby")?;
        let [port] = machine::free_ports()?;
        let log = folder.path().join("postgres.log");
        let spec = self.address.prepare_standby(&folder.path().join("data"), port, log).await?;
        let process = Process::start(spec, Some(folder.path())).await?;
        self.address.wait_for_standby().await?;
        Ok(Self { address: PostgresAddress { port, ..self.address.clone() }, process, _folder: folder })
    }

    /// Returns the server's address.
    #[must_use]
    pub fn address(&self) -> &PostgresAddress {
        &self.address
    }

    /// Returns the server's process, for tests that stop it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl PostgresAddress {
    /// Creates a server's data in a folder that does not exist yet, and returns its address and the way to start it.
    pub fn prepare(data: &Path, port: u16, log: PathBuf, durable: bool) -> Result<(Self, Spec)> {
        let programs = machine::find_postgres()?;
        let password = machine::new_password();
        initialise(&programs, data, server_account()?, &password, durable)?;
        let address = Self { port, password, programs };
        let spec = address.spec("postgres", data, log, durable)?;
        Ok((address, spec))
    }

    fn spec(&self, name: &str, data: &Path, log: PathBuf, durable: bool) -> Result<Spec> {
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", data.display().to_string()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
        ];
        if durable {
            // Five services with a limit of 20 each, and some for psql and benchmarks.
            settings.push(("max_connections", "120".to_owned()));
        } else {
            // Tests run side by side, each with pools of its own.
            settings.push(("max_connections", "300".to_owned()));
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                settings.push((name, "off".to_owned()));
            }
        }
        let mut args = vec!["-D".to_owned(), data.display().to_string()];
        for (name, value) in settings {
            args.push("-c".to_owned());
            args.push(format!("{name}={value}"));
        }

        let ready = ["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()].map(str::to_owned);
        Ok(Spec {
            name: name.to_owned(),
            program: self.programs.join("postgres"),
            args,
            env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
            folder: data.to_path_buf(),
            log,
            account: server_account()?,
            probe: Probe::Command(self.programs.join("pg_isready"), ready.to_vec()),
            ending: if durable { Ending::Int } else { Ending::Kill },
            persistent: true,
            deadline: Duration::from_secs(60),
        })
    }

    /// Copies this running durable server into a folder that does not exist yet, and returns the way to start a standby
    /// on the copy.
    pub async fn prepare_standby(&self, data: &Path, port: u16, log: PathBuf) -> Result<Spec> {
        ensure!(!data.exists(), "{} exists already", data.display());
        let standby = Self { port, ..self.clone() }.spec(STANDBY, data, log, true)?;
        machine::make_folder(data, standby.account)?;
        let source = format!("host=127.0.0.1 port={} user={SUPERUSER} application_name={STANDBY}", self.port);
        // The copy contains the address of its primary (`--write-recovery-conf`), with the password.
        let mut copy = as_account(self.programs.join("pg_basebackup"), &standby);
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--dbname", &source, "--pgdata"]).arg(data);
        run(copy.env("PGPASSWORD", &self.password)).await.context("cannot copy the primary")?;
        Ok(standby)
    }

    /// Makes every commit wait for the running standby, and waits until the standby follows.
    ///
    /// The setting is made after the copy, so only this server has it. A promoted standby that had it, too, would wait
    /// for a standby of its own.
    pub async fn wait_for_standby(&self) -> Result<()> {
        let on = format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}';\nSELECT pg_reload_conf();\n");
        self.run_script(&on).await?;
        let end = Instant::now() + Duration::from_secs(30);
        let state = format!("SELECT sync_state FROM pg_stat_replication WHERE application_name = '{STANDBY}';\n");
        while self.run_script(&state).await? != "sync\n" {
            ensure!(Instant::now() < end, "the standby does not follow");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Adds the standby's port to a URL of this server. Connections then go to that one of the two servers which takes
    /// writes.
    #[must_use]
    pub fn with_standby(&self, url: &str, standby: u16) -> String {
        let port = self.port;
        let hosts = format!("@127.0.0.1:{port},127.0.0.1:{standby}/");
        format!("{}?target_session_attrs=read-write", url.replace(&format!("@127.0.0.1:{port}/"), &hosts))
    }

    /// Returns the superuser's URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(SUPERUSER, &self.password, SUPERUSER)
    }

    /// Creates a database with this limit of connections, and a role of the same name that owns it and may enter no
    /// other database. Returns the role's URL.
    pub async fn create_database(&self, name: &str, connection_limit: u32, tablespace: Option<&str>) -> Result<String> {
        // The name is put into SQL text, so it has to be a plain identifier.
        ensure!(
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "not a plain database name: {name}"
        );
        let password = machine::new_password();
        let place = tablespace.map(|name| format!(" TABLESPACE {name}")).unwrap_or_default();
        let script = format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{password}';\n\
             CREATE DATABASE {name} OWNER {name} CONNECTION LIMIT {connection_limit}{place};\n\
             REVOKE ALL ON DATABASE {name} FROM PUBLIC;\n"
        );
        self.run_script(&script).await.with_context(|| format!("cannot create the database {name}"))?;
        Ok(self.url_of(name, &password, name))
    }

    /// Creates a tablespace in a folder on another disk, for databases that are created with its name.
    pub async fn create_tablespace(&self, name: &str, folder: &Path) -> Result<()> {
        machine::make_folder(folder, server_account()?)?;
        let script = format!("CREATE TABLESPACE {name} LOCATION '{}';", folder.display());
        self.run_script(&script).await.map(drop).context("cannot create a tablespace")
    }

    async fn run_script(&self, script: &str) -> Result<String> {
        psql(&self.url(), script).await
    }

    fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        let port = self.port;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
    }
}

/// Runs statements in the database of this URL, and returns their rows as lines. Password and statements reach `psql`
/// by its environment and its input, where the process list does not show them.
///
/// # Errors
/// If a statement fails, which also ends the script. The error is the text that `psql` has written to standard error.
pub async fn psql(database: &str, script: &str) -> Result<String> {
    let mut url = Url::parse(database)?;
    let password = url.password().unwrap_or_default().to_owned();
    ensure!(url.set_password(None).is_ok(), "this is no database: {url}");
    let mut psql = tokio::process::Command::new(machine::find_postgres()?.join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url.as_str()])
        .env("PGPASSWORD", password)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = psql.stdin.take().context("psql has no input")?;
    input.write_all(script.as_bytes()).await?;
    drop(input);
    let output = psql.wait_with_output().await?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Promotes a running standby to primary, and waits until it is one.
pub async fn promote(standby: &Spec) -> Result<()> {
    let mut promote = as_account(standby.program.with_file_name("pg_ctl"), standby);
    run(promote.args(["promote", "--wait", "--pgdata"]).arg(&standby.folder)).await.context("cannot promote")
}

/// Chooses the account for a server if this process is root, and None otherwise.
fn server_account() -> Result<Option<Account>> {
    Account::instead_of_root(&["postgres", "nobody"])
}

/// Returns a command with the rights and in the folder of a server.
fn as_account(program: PathBuf, server: &Spec) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command.current_dir(&server.folder).kill_on_drop(true);
    if let Some(account) = server.account {
        command.uid(account.user).gid(account.group);
    }
    command
}

async fn run(command: &mut tokio::process::Command) -> Result<()> {
    let output = command.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Creates a server's data folder (`initdb`), with a password for the superuser.
fn initialise(programs: &Path, data: &Path, account: Option<Account>, password: &str, durable: bool) -> Result<()> {
    ensure!(!data.exists(), "{} exists already", data.display());
    machine::make_folder(data, account)?;
    // The password file lies beside the data folder, since initdb wants that folder to be empty.
    let password_file = data.with_extension("password");
    machine::write_secret(&password_file, password)?;
    machine::give(&password_file, account)?;

    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .args(["--username", SUPERUSER, "--encoding=UTF8", "--locale=C"])
        .args(["--auth=scram-sha-256", "--pwfile"])
        .arg(&password_file)
        .arg("--pgdata")
        .arg(data)
        .current_dir(data);
    if !durable {
        initdb.arg("--no-sync");
    }
    if let Some(account) = account {
        initdb.uid(account.user).gid(account.group);
    }
    let output = initdb.output().context("cannot run initdb")?;
    fs::remove_file(&password_file)?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
