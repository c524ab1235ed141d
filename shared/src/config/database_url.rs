//! The URL of a Postgres database: the hosts that it names, and the mistakes that can be found without connecting.
//!
//! A mistake that is found here ends the start and names the variable (ADR 20). Some mistakes, such as a wrong
//! password, only the server can find: `db::permanent_refusal` recognises its answer.

use std::str::FromStr;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// The query parameters that sqlx or this program obeys. sqlx ignores an unknown one with a warning, so that a misspelt
/// setting would go unnoticed.
const KNOWN_PARAMETERS: [&str; 11] = [
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

/// Checks the URL of a Postgres database, which may name several hosts.
///
/// # Errors
/// The mistake as a part of a sentence, without the password.
pub fn check_database_url(url: &str) -> Result<(), String> {
    for url in host_urls(url)? {
        let parsed = Url::parse(&url).map_err(|error| format!("must be a URL: {error}"))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err("must begin with postgres://".to_owned());
        }
        if parsed.port() == Some(0) {
            return Err("no server listens on port 0".to_owned());
        }
        for (name, _) in parsed.query_pairs() {
            if !KNOWN_PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
                return Err(format!("the parameter `{name}` is not known; known are {}", KNOWN_PARAMETERS.join(", ")));
            }
        }
        let options = PgConnectOptions::from_str(&url).map_err(|error| error.to_string())?;
        // This build of sqlx has no TLS. The modes that require it could never connect, and the start would wait for
        // ever.
        if !matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer) {
            let reason = "asks for TLS, which connections to Postgres cannot have; leave it out, and let the way to the \
                        database be a private one";
            return Err(format!("`sslmode` {reason}"));
        }
    }
    Ok(())
}

/// Splits the URL of a database into one URL for each host that it names. A URL with a single host is returned
/// unchanged.
///
/// Several hosts are written in libpq's form, `postgres://user:password@one:5432,two:5433/database`
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>). Neither the crate `url` nor
/// sqlx can parse this form.
///
/// # Errors
/// The mistake as a part of a sentence: the text is no URL, or a host in it is missing or not valid.
pub fn host_urls(url: &str) -> Result<Vec<String>, &'static str> {
    let Some((before, hosts, after)) = split_hosts(url).filter(|(_, hosts, _)| hosts.contains(',')) else {
        Url::parse(url).map_err(|_error| "must be a URL")?;
        return Ok(vec![url.to_owned()]);
    };
    let url_of = |host: &str| {
        let mut url = Url::parse(&format!("{before}{host}{after}")).map_err(|_error| "a host is not valid")?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err("a host has no name");
        }
        // With this parameter libpq chooses the primary among the hosts. sqlx does not know it, and here the choice is
        // made by `db::failover`.
        let others: Vec<_> = url.query_pairs().filter(|(name, _)| name != "target_session_attrs").collect();
        let others: Vec<(String, String)> = others.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        // An empty list of pairs would leave a question mark at the end.
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        Ok(url.into())
    };
    hosts.split(',').map(url_of).collect()
}

/// Splits a URL into the part before the hosts, the hosts with their ports, and the part after them. `None` if the URL
/// has no `://`.
fn split_hosts(url: &str) -> Option<(&str, &str, &str)> {
    let authority = url.find("://")? + 3;
    let end = url.get(authority..)?.find(['/', '?', '#']).map_or(url.len(), |length| authority + length);
    // The last `@`, because a user name or a password may contain one.
    let start = url.get(authority..end)?.rfind('@').map_or(authority, |at| authority + at + 1);
    Some((url.get(..start)?, url.get(start..end)?, url.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::{check_database_url, host_urls};

    #[test]
    fn a_url_that_can_never_work_is_told_without_its_password() {
        for good in [
            "postgres://ann:secret@db/chatty",
            "postgresql://ann@one:5432,two/chatty?sslmode=prefer&target_session_attrs=read-write",
            "postgres:///chatty?host=/run/postgresql&application_name=x&options[search_path]=y",
        ] {
            assert_eq!(check_database_url(good), Ok(()), "{good}");
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
            let reason = check_database_url(bad).expect_err(bad);
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn a_url_with_one_host_stays_as_it_is() {
        for url in ["postgres://ann:a,b@db/chatty?sslmode=require&target_session_attrs=any", "postgres:///chatty"] {
            assert_eq!(host_urls(url).unwrap(), [url]);
        }
    }

    #[test]
    fn several_hosts_are_several_urls() {
        assert_eq!(
            host_urls("postgres://ann:a%2Cb@one:5432,two,[::1]:5433/chatty?sslmode=require&target_session_attrs=rw")
                .unwrap(),
            [
                "postgres://ann:a%2Cb@one:5432/chatty?sslmode=require",
                "postgres://ann:a%2Cb@two/chatty?sslmode=require",
                "postgres://ann:a%2Cb@[::1]:5433/chatty?sslmode=require",
            ]
        );
        assert_eq!(
            host_urls("postgres://one,two?target_session_attrs=read-write").unwrap(),
            ["postgres://one", "postgres://two"]
        );
    }

    #[test]
    fn a_bad_host_is_refused() {
        for url in ["not a url", "postgres://ann@one,,two/chatty", "postgres://ann@one:x,two/chatty", "postgres://,/"] {
            assert!(host_urls(url).is_err(), "{url}");
        }
    }
}
