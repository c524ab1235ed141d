//! A private nginx with the repository's `nginx.conf`, whose three includes are written here.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::servers::machine;
use crate::servers::process::{Ending, Probe, Spec};

/// What a gateway is made of.
#[derive(Clone, Debug)]
pub struct NginxOptions<'a> {
    /// The folder with `nginx.conf` and `openapi.json`.
    pub repository: &'a Path,
    /// A folder that does not exist yet: configuration, temporary files, pid.
    pub prefix: &'a Path,
    /// Where its errors go.
    pub log: &'a Path,
    /// Where its access log goes.
    pub access_log: &'a Path,
    /// Its port on the loopback address.
    pub port: u16,
    /// The services' names, and where their replicas are, as nginx writes it.
    pub upstreams: &'a BTreeMap<String, Vec<String>>,
    /// The folder of the pictures.
    pub media: &'a Path,
}

/// Writes the configuration and says how to start nginx on it.
pub fn prepare(options: &NginxOptions<'_>) -> Result<Spec> {
    let prefix = options.prefix;
    machine::make_folder(prefix, None)?;
    // The workers run as another user when root starts nginx, and read the API's description.
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
            // The compiled-in error log is not writable for an ordinary user.
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

/// Copies `openapi.json` to where the workers can read it, when the repository has one.
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

fn upstreams(services: &BTreeMap<String, Vec<String>>) -> Result<String> {
    let mut text = String::new();
    for (name, replicas) in services {
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

fn paths(options: &NginxOptions<'_>) -> Result<String> {
    let prefix = options.prefix.display();
    let mut text = String::new();
    writeln!(text, "listen 127.0.0.1:{} reuseport;", options.port)?;
    writeln!(text, "root \"{prefix}\";")?;
    writeln!(text, "set $media_folder \"{}/\";", options.media.display())?;
    let access_log: PathBuf = options.access_log.to_path_buf();
    writeln!(text, "access_log \"{}\" requests buffer=64k flush=1s;", access_log.display())?;
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path \"{prefix}/{kind}\";")?;
    }
    Ok(text)
}

/// A load test and the replay come from one address, so a limit per address would measure itself.
const LIMITS: &str = "# No limits: all the load of a stack comes from one address.\n";
