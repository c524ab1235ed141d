//! Mistakes in a database's URL: those that can be read off it, and those that the server tells.

use std::str::FromStr;

use sea_orm::DbErr;
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::failure::{database_error, sqlx_error};
use super::host_urls;

/// The parameters that mean something here.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslmode",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

/// SQLSTATEs of a server that answers, and will answer the same for as long as the URL and the server's roles stay as they
/// are: a wrong password (28P01), a role that is not there or not let in (28000), a database that is not there (3D000), a
/// role without rights on it (42501).
const REFUSED: [&str; 4] = ["28P01", "28000", "3D000", "42501"];

/// Checks the URL of a database, which may name several hosts.
///
/// # Errors
/// What is wrong with it, without the password in it.
pub fn check_url(url: &str) -> Result<(), String> {
    for url in host_urls(url)? {
        let parsed = Url::parse(&url).map_err(|error| format!("must be a URL: {error}"))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err("must begin with postgres://".to_owned());
        }
        if parsed.port() == Some(0) {
            return Err("no server listens on port 0".to_owned());
        }
        for (name, _) in parsed.query_pairs() {
            if !PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
                return Err(format!("the parameter `{name}` is not known; known are {}", PARAMETERS.join(", ")));
            }
        }
        let options = PgConnectOptions::from_str(&url).map_err(|error| error.to_string())?;
        if !matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
            let rule = "asks for TLS, which connections to Postgres cannot have; leave it out, and let the way to the \
                        database be a private one";
            return Err(format!("`sslmode` {rule}"));
        }
    }
    Ok(())
}

/// Why a database will not let this process in, however long it waits; `None`: it may yet.
pub fn refused_for_good(error: &DbErr) -> Option<String> {
    let said = database_error(error);
    let by_server = said.and_then(|said| said.code()).is_some_and(|state| REFUSED.contains(&&*state));
    let by_us = matches!(sqlx_error(error), Some(sqlx::Error::Tls(_) | sqlx::Error::Configuration(_)));
    (by_server || by_us).then(|| said.map_or_else(|| error.to_string(), |said| said.message().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn a_url_that_can_never_work_is_told_without_its_password() {
        for good in [
            "postgres://ann:secret@db/chatty",
            "postgresql://ann@one:5432,two/chatty?sslmode=prefer&target_session_attrs=read-write",
            "postgres:///chatty?host=/run/postgresql&application_name=x&options[search_path]=y",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "nonsense",
            "mysql://ann:secret@db/chatty",
            "postgres://ann:secret@db/chatty?sslmode=require",
            "postgres://ann:secret@db/chatty?sslmode=verify-full",
            "postgres://ann:secret@db/chatty?sslmode=maybe",
            "postgres://ann:secret@db/chatty?connect_timeuot=3",
            "postgres://ann:secret@db/chatty?port=x",
            "postgres://ann:secret@one,two/chatty?sslrootcert=x",
        ] {
            let reason = check_url(bad).expect_err(bad);
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
