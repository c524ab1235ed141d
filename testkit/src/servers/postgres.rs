//! A private Postgres. It refuses to run as root, so root starts it as another user, whose data lies in a
//! fresh folder under the system's temporary one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::servers::machine::{self, Account};
use crate::servers::process::{Ending, Probe, Process, Spec};

const SUPERUSER: &str = "postgres";

/// Where a server lies and who may do everything there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostgresAddress {
    /// The port on the loopback address.
    pub port: u16,
    /// The superuser's password.
    pub password: String,
    programs: PathBuf,
}

/// A server of its owner alone, in a folder that goes when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    address: PostgresAddress,
    // Dropped in this order: the process ends before its folder goes.
    process: Process,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one. Without `durable` it never waits for the disk: for tests that start with empty databases.
    pub async fn start(durable: bool) -> Result<Self> {
        let folder = machine::fresh_folder("postgres")?;
        let [port] = machine::free_ports()?;
        let log = folder.path().join("postgres.log");
        let (address, spec) = PostgresAddress::prepare(&folder.path().join("data"), port, log, durable)?;
        let process = Process::start(spec, Some(folder.path())).await?;
        Ok(Self { address, process, _folder: folder })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &PostgresAddress {
        &self.address
    }

    /// The process, for tests that stop it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl PostgresAddress {
    /// Makes the data in a folder that does not exist yet, and says how to start the server on it.
    pub fn prepare(data: &Path, port: u16, log: PathBuf, durable: bool) -> Result<(Self, Spec)> {
        let programs = machine::find_postgres()?;
        let account = Account::instead_of_root(&["postgres", "nobody"])?;
        let password = machine::new_password();
        initialise(&programs, data, account, &password, durable)?;

        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("unix_socket_directories", data.display().to_string()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
        ];
        if durable {
            settings.push(("max_connections", "120".to_owned()));
        } else {
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

        let ready = ["-q", "-h", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        let spec = Spec {
            name: "postgres".to_owned(),
            program: programs.join("postgres"),
            args,
            env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
            folder: data.to_path_buf(),
            log,
            account,
            probe: Probe::Command(programs.join("pg_isready"), ready.to_vec()),
            ending: if durable { Ending::Int } else { Ending::Kill },
            persistent: true,
            deadline: Duration::from_secs(60),
        };
        let address = Self { port, password, programs };
        Ok((address, spec))
    }

    /// The superuser's URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(SUPERUSER, &self.password, SUPERUSER)
    }

    /// Makes a database and a role of the same name that owns it and may enter no other, and limits its
    /// connections. Answers the role's URL.
    pub async fn create_database(&self, name: &str, connection_limit: u32, tablespace: Option<&str>) -> Result<String> {
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

    /// Makes a place for databases in a folder on another disk.
    pub async fn create_tablespace(&self, name: &str, folder: &Path) -> Result<()> {
        machine::make_folder(folder, Account::instead_of_root(&["postgres", "nobody"])?)?;
        let script = format!("CREATE TABLESPACE {name} LOCATION '{}';", folder.display());
        self.run_script(&script).await.context("cannot create a tablespace")
    }

    /// Hands the password and the statements over where the process list does not show them.
    async fn run_script(&self, script: &str) -> Result<()> {
        let mut psql = tokio::process::Command::new(self.programs.join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", SUPERUSER, "-d", SUPERUSER])
            .env("PGPASSWORD", &self.password)
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
        Ok(())
    }

    fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        let port = self.port;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}")
    }
}

fn initialise(programs: &Path, data: &Path, account: Option<Account>, password: &str, durable: bool) -> Result<()> {
    ensure!(!data.exists(), "{} exists already", data.display());
    machine::make_folder(data, account)?;
    // Beside the data, since initdb wants an empty folder.
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
