//! The rules of OAuth 2.0 for other people's clients: redirect URIs (RFC 6749, RFC 8252), and the proof that a code is
//! exchanged by the client that asked for it (PKCE, RFC 7636).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::{Host, Url};

/// The time within which an authorization code must be exchanged. A minute is enough, because a program does it at
/// once.
pub(crate) const CODE_WITHIN: Duration = Duration::from_secs(60);
/// The number of clients that a person can register.
pub(crate) const MAX_CLIENTS: u64 = 20;
/// The number of redirect URIs that a client can have.
pub(crate) const MAX_REDIRECT_URIS: usize = 5;
/// The length of the longest redirect URI, in bytes.
const MAX_URI: usize = 500;

/// Checks a redirect URI.
///
/// Allowed are https, http on the client's own machine (RFC 8252, section 7.3), and the private-use schemes of apps,
/// which contain a dot because they are domain names in reverse order (section 7.1). This excludes `javascript:` and
/// the like.
///
/// # Errors
/// The rule that the URI breaks, as the end of a sentence about it.
pub(crate) fn check_redirect_uri(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URI && !text.contains(char::is_whitespace));
    let url = url.ok_or("must be a URL of up to 500 bytes")?;
    if url.fragment().is_some() {
        return Err("must have no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user and no password");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("must be https, unless it is on this machine itself, such as http://127.0.0.1/callback"),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("must be https, or a scheme of an app such as com.example.app:/callback"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Returns true when a text can be the id of a client. Other texts, such as one with a zero byte, must not reach the
/// database, which may refuse to look for them.
pub(crate) fn is_client_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns true when a redirect URI is one of the registered ones. They are compared as texts (RFC 9700, section 2.1).
/// Only the port of an http URI on the client's own machine may differ, because the operating system assigns it (RFC
/// 8252, section 7.3).
pub(crate) fn is_registered<'a>(presented: &str, mut registered: impl Iterator<Item = &'a str>) -> bool {
    let without_port = |text: &str| {
        // The URL parser drops blanks and control characters, so a text that contains them would pass for a registered
        // one.
        let is_plain = !text.contains(|sign: char| sign.is_whitespace() || sign.is_control());
        let mut url = Url::parse(text).ok().filter(|url| is_plain && url.scheme() == "http" && is_loopback(url))?;
        url.set_port(None).ok()?;
        Some(url)
    };
    registered.any(|known| {
        known == presented
            || matches!((without_port(known), without_port(presented)), (Some(known), Some(presented)) if known == presented)
    })
}

/// Returns true when a text has the form of a code verifier, which a code challenge has too (RFC 7636, sections 4.1 and
/// 4.2).
pub(crate) fn is_verifier(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved)
}

/// Computes the code challenge of a code verifier, by the method S256 (RFC 7636, section 4.2).
pub(crate) fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_vector_of_the_standard_holds() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier));
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        for bad in ["", "short", &"a".repeat(129), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX=", &"ä".repeat(43)] {
            assert!(!is_verifier(bad), "{bad}");
        }
    }

    #[test]
    fn addresses_that_could_send_a_code_to_a_stranger_are_refused() {
        for good in [
            "https://app.example/callback?from=chatty",
            "http://127.0.0.1/callback",
            "http://[::1]:8000/",
            "http://localhost:3000/",
            "com.example.app:/callback",
        ] {
            assert_eq!(check_redirect_uri(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "app.example/callback",
            "http://app.example/callback",
            "http://127.0.0.1.evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://app.example/#x",
            "https://user@app.example/",
            "https://app.example/ x",
            "app:/callback",
            &format!("https://app.example/{}", "x".repeat(500)),
        ] {
            assert!(check_redirect_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_compared_as_text_and_only_a_local_port_may_differ() {
        let known = ["https://app.example/callback", "http://127.0.0.1/callback"];
        let is_known = |presented| is_registered(presented, known.into_iter());
        assert!(is_known("https://app.example/callback") && is_known("http://127.0.0.1:51004/callback"));
        for bad in [
            "https://app.example/callback/",
            "https://app.example:8443/callback",
            "https://app.example/callback?x",
            "https://evil.example/callback",
            "http://127.0.0.1:51004/cal\nlback",
            "http://127.0.0.1:51004/callback\0",
            "http://127.0.0.1:51004/other",
            "http://localhost:51004/callback",
            "https://127.0.0.1/callback",
        ] {
            assert!(!is_known(bad), "{bad}");
        }
    }
}
