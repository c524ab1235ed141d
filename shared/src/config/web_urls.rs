//! Settings that are URLs of the web: where people reach this installation, and which other web pages may call it.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use url::{Host, Url};

use super::{ConfigError, Env, Environment};

/// Reads and validates `PUBLIC_URL`, without a slash at the end. Links with tokens lead there, so production requires
/// https. A URL of the machine itself is excepted, because nothing crosses a network on the way to it.
pub(super) fn read_public_url(env: &Env, environment: Environment, listen: SocketAddr) -> Result<String, ConfigError> {
    let production = environment == Environment::Production;
    let bad = |reason| Err(ConfigError::new("PUBLIC_URL", reason));
    let url = match env.get("PUBLIC_URL") {
        Some(url) => url,
        None if production => return bad("must be set in production: the links in mails begin with it"),
        None => return Ok(format!("http://{listen}")),
    };
    let Some(parsed) = parse_web_url(url) else {
        return bad("must be a URL such as https://chatty.example");
    };
    if parsed.query().is_some() || parsed.fragment().is_some() || has_credentials(&parsed) {
        return bad("must have no user, query or fragment: paths are appended to it");
    }
    // `localhost` and all names below it are loopback by definition (RFC 6761, section 6.3).
    let is_local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if production && parsed.scheme() == "http" && !is_local {
        return bad(
            "must be https in production, or passwords travel readable; only this machine itself may have http",
        );
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Reads `CORS_ORIGINS`. An origin is a scheme and a host, as browsers send it in the header `Origin` (RFC 6454, section
/// 6.1). There is no `*`: which pages may call the API is the operator's decision.
pub(super) fn read_origins(env: &Env) -> Result<Vec<HeaderValue>, ConfigError> {
    let origin = |text: &str| {
        let url = parse_web_url(text)?;
        // The text must be what a browser sends, or it would never be equal to it.
        (url.origin().ascii_serialization() == text).then(|| HeaderValue::from_str(text).ok()).flatten()
    };
    let texts = env.get("CORS_ORIGINS").into_iter().flat_map(|list| list.split(',')).map(str::trim);
    texts
        .map(|text| {
            origin(text).ok_or_else(|| {
                let reason = format!("`{text}` is no origin such as https://app.example");
                ConfigError::new("CORS_ORIGINS", reason)
            })
        })
        .collect()
}

/// Parses the URL of a web server. `None` if the text is no URL, the scheme is neither http nor https, or the port is
/// 0.
pub(super) fn parse_web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.port() != Some(0))
}

/// Returns true if a URL contains a user name or a password.
fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let read = |list| read_origins(&Env::of([("CORS_ORIGINS", list)]));
        assert_eq!(read("https://app.example, http://localhost:3000").unwrap().len(), 2);
        assert_eq!(read("").unwrap().len(), 0);
        for bad in ["*", "app.example", "https://app.example/", "https://App.example", "https://a.example/x", "null"] {
            assert!(read(bad).unwrap_err().to_string().starts_with("CORS_ORIGINS: "), "{bad}");
        }
    }
}
