//! Settings that are URLs of the web: where people reach this installation, and which other web pages may call it.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use url::{Host, Url};

/// Reads and validates `PUBLIC_URL`, without a slash at the end. Links with tokens lead there, so production requires
/// https. A URL of the machine itself is excepted, because nothing crosses a network on the way to it.
///
/// # Errors
/// The rule that the value breaks.
pub(super) fn read_public_url(
    value: Option<&str>,
    production: bool,
    listen: SocketAddr,
) -> Result<String, &'static str> {
    let url = match value {
        Some(url) => url,
        None if production => return Err("must be set in production: the links in mails begin with it"),
        None => return Ok(format!("http://{listen}")),
    };
    let Some(parsed) = parse_web_url(url) else {
        return Err("must be a URL such as https://chatty.example");
    };
    if parsed.query().is_some() || parsed.fragment().is_some() || has_credentials(&parsed) {
        return Err("must have no user, query or fragment: paths are appended to it");
    }
    // `localhost` and all names below it are loopback by definition (RFC 6761, section 6.3).
    let is_local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if production && parsed.scheme() == "http" && !is_local {
        return Err(
            "must be https in production, or passwords travel readable; only this machine itself may have http",
        );
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Reads `CORS_ORIGINS`. An origin is a scheme and a host, as browsers send it in the header `Origin` (RFC 6454, section
/// 6.1). There is no `*`: which pages may call the API is the operator's decision.
///
/// # Errors
/// The text that is no origin, in a sentence.
pub(super) fn read_origins(list: Option<&str>) -> Result<Vec<HeaderValue>, String> {
    let origin = |text: &str| {
        let url = parse_web_url(text)?;
        // The text must be what a browser sends, or it would never be equal to it.
        (url.origin().ascii_serialization() == text).then(|| HeaderValue::from_str(text).ok()).flatten()
    };
    let texts = list.into_iter().flat_map(|list| list.split(',')).map(str::trim);
    texts.map(|text| origin(text).ok_or_else(|| format!("`{text}` is no origin such as https://app.example"))).collect()
}

/// Parses the URL of a web server. `None` if the text is no URL, the scheme is neither http nor https, or the port is
/// 0.
pub(crate) fn parse_web_url(text: &str) -> Option<Url> {
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
        assert_eq!(read_origins(Some("https://app.example, http://localhost:3000")).unwrap().len(), 2);
        assert_eq!(read_origins(None).unwrap().len(), 0);
        for bad in ["*", "app.example", "https://app.example/", "https://App.example", "https://a.example/x", "null"] {
            assert!(read_origins(Some(bad)).is_err(), "{bad}");
        }
    }
}
