//! The checks of settings, secrets, the data folder and the signing key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use shared::config::{ConfigError, Env, Environment, Settings};
use shared::config::{check_database_url, host_urls};
use shared::services::SERVICES;
use url::Url;

use super::Finding;
use crate::parts::PARTS;
use crate::suite;

/// The free space in bytes on the disk of the data folder below which there is a warning.
const LOW_SPACE: u64 = 1 << 30;
/// The free space in bytes below which there is a problem.
const NO_SPACE: u64 = 128 << 20;

/// Checks all settings by reading them as the services do. Returns the findings and the common settings, or None if
/// these are not valid: no other check is possible then.
pub(super) fn check(env: &Env, distributed: bool) -> (Vec<Finding>, Option<Settings>) {
    let settings = match Settings::from_env(env, suite::PORT) {
        Ok(settings) => settings,
        Err(error) => return (vec![Finding::problem("settings", error, "see .env.example")], None),
    };
    let mut findings = Vec::new();
    // Each service reports its first error only; the next one is reported when that one is repaired.
    for error in PARTS.iter().filter_map(|part| (part.check)(env, &settings).err()) {
        findings.push(match error.variable {
            // Only auth needs the mail server, so a container for commands often does not have its password.
            "SMTP_URL" if distributed && env.get("SMTP_URL").is_none() => Finding::warning(
                "settings",
                "SMTP_URL is not set here",
                "run this command with the settings of auth to check mail",
            ),
            _ => Finding::problem("settings", error, "see .env.example"),
        });
    }
    if distributed {
        for name in SERVICES.map(|service| service.database_variable) {
            let checked = env.get(name).ok_or_else(|| "must be set".to_owned()).and_then(check_database_url);
            if let Err(reason) = checked {
                findings.push(Finding::problem(
                    "settings",
                    ConfigError::new(name, reason),
                    "set the variables of all five databases",
                ));
            }
        }
        if env.get("AMQP_URL").is_none() {
            findings.push(Finding::problem(
                "settings",
                "AMQP_URL is not set",
                "set it to the URL of the services' RabbitMQ",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("settings", "all settings are valid"));
    }
    findings.extend(check_production(env, &settings));
    (findings, Some(settings))
}

/// Checks that settings which are fine on a developer's machine are not used where strangers can reach the suite.
fn check_production(env: &Env, settings: &Settings) -> Vec<Finding> {
    if settings.environment == Environment::Development {
        let found = "this is development, in which there may be an admin whose password everybody knows";
        return vec![Finding::warning(
            "environment",
            found,
            "set CHATTY_ENV=production where others can reach the suite",
        )];
    }
    let mut findings = Vec::new();
    // In production, PUBLIC_URL may begin with http:// only if it names the machine itself, on which somebody may try
    // the suite (docs/adr/0016). So this is only a warning.
    if !settings.public_url.starts_with("https://") {
        let found = format!("PUBLIC_URL is {}, which only this machine can reach", settings.public_url);
        findings.push(Finding::warning(
            "environment",
            found,
            "put a server with TLS in front, and set PUBLIC_URL to its https:// URL",
        ));
    }
    let databases = SERVICES.map(|service| service.database_variable);
    for name in databases.into_iter().chain(["DATABASE_URL", "AMQP_URL", "SMTP_URL"]) {
        if urls(env, name).iter().any(|url| url.password().is_some_and(is_default)) {
            let found = format!("the password in {name} is one of the examples");
            findings.push(Finding::problem(
                "secrets",
                found,
                "choose another password, of at least 20 random characters",
            ));
        }
    }
    if findings.is_empty() {
        findings
            .push(Finding::ok("environment", "this is production, with https and without passwords of the examples"));
    }
    findings
}

/// Returns the URLs in a variable. A URL of a database or of RabbitMQ may name several hosts; each host is returned as
/// a URL of its own.
fn urls(env: &Env, name: &str) -> Vec<Url> {
    let Some(value) = env.get(name) else { return Vec::new() };
    let each = match name {
        "AMQP_URL" => value.split(',').map(str::to_owned).collect(),
        "SMTP_URL" => vec![value.to_owned()],
        _ => host_urls(value).unwrap_or_default(),
    };
    each.iter().filter_map(|url| Url::parse(url).ok()).collect()
}

/// Returns whether a password is one of those in .env.example, or one that servers often have after their installation.
fn is_default(password: &str) -> bool {
    password.starts_with("development-") || ["password", "guest", "postgres", "secret", "changeme"].contains(&password)
}

/// Checks the data folder of the one-process suite: its permissions, and the free space on its disk.
pub(super) fn check_data_folder(settings: &Settings) -> Vec<Finding> {
    let folder = &settings.data_dir;
    let shown = folder.display();
    let Ok(data) = fs::metadata(folder) else {
        let fix = "start chatty once, or set CHATTY_DATA_DIR";
        return vec![Finding::warning("data folder", format!("{shown} does not exist"), fix)];
    };
    let mut findings = Vec::new();
    let mode = data.permissions().mode() & 0o777;
    // The folder holds password hashes, links in mails and the signing key.
    findings.push(if mode & 0o077 == 0 {
        Finding::ok("data folder", format!("only its owner can read {shown}"))
    } else {
        Finding::problem(
            "data folder",
            format!("others can read {shown} (mode {mode:o})"),
            format!("chmod 700 {shown}"),
        )
    });
    findings.push(check_space(folder));
    findings
}

fn check_space(folder: &Path) -> Finding {
    let (check, shown) = ("disk", folder.display());
    match statvfs(folder) {
        Ok(disk) => {
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            let found = format!("{} MiB are free for {shown}", free >> 20);
            let fix = "free some space or move the data folder: on a full disk nothing can be written";
            match free {
                0..NO_SPACE => Finding::problem(check, found, fix),
                NO_SPACE..LOW_SPACE => Finding::warning(check, found, fix),
                _ => Finding::ok(check, found),
            }
        }
        Err(error) => Finding::warning(check, format!("{shown}: {error}"), "check that the disk is mounted"),
    }
}

/// Checks the permissions of the signing key. Returns None when its file is not on this machine, or the settings of
/// auth are not valid.
pub(super) fn check_key(env: &Env, settings: &Settings) -> Option<Finding> {
    let config = auth::Config::from_env(env, settings).ok()?;
    let file = config.key_file();
    let shown = file.display();
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    Some(if mode & 0o077 == 0 {
        Finding::ok("signing key", format!("only its owner can read {shown}"))
    } else {
        Finding::problem(
            "signing key",
            format!("others can read {shown} (mode {mode:o})"),
            format!("chmod 600 {shown}"),
        )
    })
}
