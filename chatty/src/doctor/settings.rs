//! Settings, secrets and the data folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use shared::config::{ConfigError, Env, Environment, Settings};
use shared::db::{check_url, host_urls};
use shared::events::topology::SERVICES;
use url::Url;

use super::Finding;
use crate::suite;

/// Below this much free space on the data folder's disk there is a warning, and a problem.
const LITTLE: u64 = 1 << 30;
const NOTHING: u64 = 128 << 20;

/// Reads all settings as the services would. Without usable ones there is nothing else to look at.
pub(super) fn check(env: &Env, distributed: bool) -> (Vec<Finding>, Option<Settings>) {
    let settings = match Settings::from_env(env, suite::PORT) {
        Ok(settings) => settings,
        Err(error) => return (vec![Finding::problem("settings", error, "see .env.example")], None),
    };
    let mut findings = Vec::new();
    let configs = [
        auth::Config::from_env(env, &settings).map(|_| ()),
        posts::Config::from_env(env, &settings).map(|_| ()),
        subscriptions::Config::from_env(env).map(|_| ()),
    ];
    for error in configs.into_iter().filter_map(Result::err) {
        findings.push(match error.variable {
            // The command's container has the mail server's password only when the operator gives it.
            "SMTP_URL" if distributed && env.get("SMTP_URL").is_none() => {
                Finding::warning("settings", "SMTP_URL is not set here", "run this with auth's settings to check mail")
            }
            _ => Finding::problem("settings", error, "see .env.example"),
        });
    }
    if distributed {
        for name in SERVICES.map(suite::url_variable) {
            let checked = env.get(name).ok_or_else(|| "must be set".to_owned()).and_then(check_url);
            if let Err(reason) = checked {
                findings.push(Finding::problem("settings", ConfigError::new(name, reason), "set all five of them"));
            }
        }
        if env.get("AMQP_URL").is_none() {
            findings.push(Finding::problem("settings", "AMQP_URL is not set", "set it to the services' RabbitMQ"));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("settings", "all are valid"));
    }
    findings.extend(check_production(env, &settings));
    (findings, Some(settings))
}

fn check_production(env: &Env, settings: &Settings) -> Vec<Finding> {
    if settings.environment == Environment::Development {
        let found = "development: there may be an admin whose password everybody knows";
        return vec![Finding::warning("environment", found, "set CHATTY_ENV=production where others can reach it")];
    }
    let mut findings = Vec::new();
    if !settings.public_url.starts_with("https://") {
        let found = format!("PUBLIC_URL is {}, which only this machine can reach", settings.public_url);
        findings.push(Finding::warning("environment", found, "put TLS in front, and set PUBLIC_URL to https://…"));
    }
    for name in SERVICES.map(suite::url_variable).into_iter().chain(["DATABASE_URL", "AMQP_URL", "SMTP_URL"]) {
        if urls(env, name).iter().any(|url| url.password().is_some_and(is_default)) {
            let found = format!("the password in {name} is one of the examples");
            findings.push(Finding::problem("secrets", found, "choose another one, of at least 20 random characters"));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok("environment", "production: https, and no secret of the examples"));
    }
    findings
}

/// The URLs in a variable. Those of databases and of RabbitMQ may name several hosts.
fn urls(env: &Env, name: &str) -> Vec<Url> {
    let Some(value) = env.get(name) else { return Vec::new() };
    let each = match name {
        "AMQP_URL" => value.split(',').map(str::to_owned).collect(),
        "SMTP_URL" => vec![value.to_owned()],
        _ => host_urls(value).unwrap_or_default(),
    };
    each.iter().filter_map(|url| Url::parse(url).ok()).collect()
}

/// The secrets of .env.example, and what servers come with.
fn is_default(password: &str) -> bool {
    password.starts_with("development-") || ["password", "guest", "postgres", "secret", "changeme"].contains(&password)
}

/// The data folder of the one-process suite: who can read it, and how much room there is.
pub(super) fn check_data_folder(settings: &Settings) -> Vec<Finding> {
    let folder = &settings.data_dir;
    let shown = folder.display();
    let Ok(data) = fs::metadata(folder) else {
        let fix = "start chatty once, or set CHATTY_DATA_DIR";
        return vec![Finding::warning("data folder", format!("{shown} is not there"), fix)];
    };
    let mut findings = Vec::new();
    let mode = data.permissions().mode() & 0o777;
    findings.push(if mode & 0o077 == 0 {
        Finding::ok("data folder", format!("{shown} is its owner's alone"))
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
            let fix = "free some, or move the data folder: without room nothing can be written";
            match free {
                0..NOTHING => Finding::problem(check, found, fix),
                NOTHING..LITTLE => Finding::warning(check, found, fix),
                _ => Finding::ok(check, found),
            }
        }
        Err(error) => Finding::warning(check, format!("{shown}: {error}"), "see whether the disk is mounted"),
    }
}

/// The signing key, where it can be seen from here.
pub(super) fn check_key(env: &Env, settings: &Settings) -> Option<Finding> {
    let config = auth::Config::from_env(env, settings).ok()?;
    let file = config.key_file();
    let shown = file.display();
    let mode = fs::metadata(file).ok()?.permissions().mode() & 0o777;
    Some(if mode & 0o077 == 0 {
        Finding::ok("signing key", format!("{shown} is its owner's alone"))
    } else {
        Finding::problem(
            "signing key",
            format!("others can read {shown} (mode {mode:o})"),
            format!("chmod 600 {shown}"),
        )
    })
}
