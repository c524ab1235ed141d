//! A private nginx with the repository's own `nginx.conf`. Only the three files that it includes are written here:
//! addresses of the services, paths, and limits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::servers::machine;
use crate::servers::process::{Ending, Probe, Spec};

/// The parameters of a gateway.
#[derive(Clone, Debug)]
pub struct NginxOptions<'a> {
    /// The folder with `nginx.conf` and `openapi.json`.
    pub repository: &'a Path,
    /// A folder that does not exist yet, for configuration, temporary files and the pid file.
    pub prefix: &'a Path,
    /// The file for errors.
    pub log: &'a Path,
    /// The file for the access log.
    pub access_log: &'a Path,
    /// The port on the loopback address.
    pub port: u16,
    /// The addresses of the replicas of each service and of the pages in nginx' notation, by the program's name.
    pub upstreams: &'a BTreeMap<String, Vec<String>>,
    /// The folder of the pictures, which the gateway serves itself.
    pub media: &'a Path,
}

/// Writes the configuration, and returns the way to start nginx with it.
pub fn prepare(options: &NginxOptions<'_>) -> Result<Spec> {
    let prefix = options.prefix;
    machine::make_folder(prefix, None)?;
    // The workers run as another user if root starts nginx, and have to read the API's description in this folder.
    fs::set_permissions(prefix, fs::Permissions::from_mode(0o711))?;
    symlink(options.repository.join("nginx.conf"), prefix.join("nginx.conf"))?;
    fs::write(prefix.join("upstreams.conf"), upstreams(options.upstreams)?)?;
    fs::write(prefix.join("paths.conf"), paths(options)?)?;
    fs::write(prefix.join("limits.conf"), LIMITS)?;
    copy_description(options.repository, prefix)?;

    let quoted = |path: &Path| format!("\"{}\"", path.display());
    let globals = format!("daemon off; error_log stderr warn; pid {};", quoted(&prefix.join("nginx.pid")));
    Ok(Spec {
        name: "nginx".to_owned(),
        program: machine::find_program("nginx")?,
        args: vec![
            "-p".to_owned(),
            format!("{}/", prefix.display()),
            "-c".to_owned(),
            prefix.join("nginx.conf").display().to_string(),
            // An ordinary user may not write to the error log that is compiled in.
            "-e".to_owned(),
            "stderr".to_owned(),
            "-g".to_owned(),
            globals,
        ],
        env: BTreeMap::new(),
        folder: prefix.to_path_buf(),
        log: options.log.to_path_buf(),
        account: None,
        probe: Probe::Port(options.port),
        ending: Ending::Term,
        persistent: false,
        deadline: Duration::from_secs(20),
    })
}

/// Copies the repository's `openapi.json`, if there is one, to a place that the workers can read.
pub fn copy_description(repository: &Path, prefix: &Path) -> Result<()> {
    let source = repository.join("openapi.json");
    if !source.exists() {
        return Ok(());
    }
    let target = prefix.join("openapi.json");
    let text = fs::read(source)?;
    fs::write(&target, text).context("cannot copy openapi.json")?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644))?;
    Ok(())
}

/// Returns the text of `upstreams.conf`: one group of servers for each program.
fn upstreams(programs: &BTreeMap<String, Vec<String>>) -> Result<String> {
    let mut text = String::new();
    for (name, replicas) in programs {
        let servers: Vec<String> = replicas.iter().map(|place| format!("    server {place};\n")).collect();
        write!(
            text,
            "upstream {name} {{\n{servers}    \
                 keepalive 64;\n    \
                 keepalive_requests 1000000;\n    \
                 keepalive_timeout 30s;\n\
             }}\n",
            servers = servers.concat()
        )?;
    }
    Ok(text)
}

/// Returns the text of `paths.conf`: the port, and every path that depends on this machine.
fn paths(options: &NginxOptions<'_>) -> Result<String> {
    let prefix = options.prefix.display();
    let mut text = String::new();
    writeln!(text, "listen 127.0.0.1:{} reuseport;", options.port)?;
    writeln!(text, "root \"{prefix}\";")?;
    writeln!(text, "set $media_folder \"{}/\";", options.media.display())?;
    let access_log: PathBuf = options.access_log.to_path_buf();
    writeln!(text, "access_log \"{}\" requests buffer=64k flush=1s;", access_log.display())?;
    // All temporary paths are set, because nginx checks also those that it does not use.
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path \"{prefix}/{kind}\";")?;
    }
    Ok(text)
}

/// The text of `limits.conf`. All requests to a stack come from one address, so a load test under a limit per address
/// would measure the limit.
const LIMITS: &str = "# No limits: all the load of a stack comes from one address.\n";
