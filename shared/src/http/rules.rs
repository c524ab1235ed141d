//! The rules of HTTP that hold for every request, checked before the router looks for a route (RFC 9110 and 9112).

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version, header};

use super::compress;
use crate::error::ApiError;

/// The longest path with its query, in bytes.
const MAX_PATH: usize = 2_048;

/// The forms of an answer that the client accepts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accepted {
    /// True if the answer may be compressed with gzip.
    pub(super) gzip: bool,
}

/// Refuses a request that no route can answer. All rules are checked in one pass over the headers, because every
/// request pays for it. The host is required only of requests that came over the network.
///
/// # Errors
/// 400, 414, 415, 417 or 501.
pub(super) fn check(request: &Request, over_network: bool) -> Result<Accepted, ApiError> {
    if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > MAX_PATH) {
        let text = "Path and query are longer than 2 KiB";
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "uri_too_long", text));
    }
    let (mut accepted, mut hosts) = (Accepted::default(), 0);
    for (name, value) in request.headers() {
        if name == header::HOST {
            // An invalid host counts twice, so that it is refused as a repeated one is.
            hosts += if is_host(value) { 1 } else { 2 };
        } else if name == header::ACCEPT_ENCODING {
            accepted.gzip |= compress::accepts_gzip(value);
        } else if name == header::EXPECT && !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            let text = "The only expectation that is met is 100-continue";
            return Err(ApiError::new(StatusCode::EXPECTATION_FAILED, "expectation_failed", text));
        } else if name == header::TRANSFER_ENCODING && !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
            let text = "Of the transfer codings only chunked is known";
            return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", text));
        } else if name == header::CONTENT_ENCODING && !is_identity(value) {
            let text = "The body must be sent as it is: no Content-Encoding is decoded";
            return Err(ApiError::unsupported(text, header::ACCEPT_ENCODING, "identity"));
        }
    }
    if over_network && (hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11)) {
        let text = "The header Host must be there once, and name a host";
        return Err(ApiError::bad_request("bad_host", text));
    }
    Ok(accepted)
}

/// Returns whether a value is a host, with or without a port (RFC 9112, section 3.2). An empty value is allowed. Usual
/// names are recognised without parsing.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let name = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte)).count();
    bytes.get(name..).is_some_and(is_port)
        || value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()).is_some_and(|authority| {
            let port = authority.as_str().strip_prefix(authority.host());
            port.is_some_and(|port| is_port(port.as_bytes()))
        })
}

/// Returns whether a text is empty, or a colon with digits or nothing after it.
fn is_port(text: &[u8]) -> bool {
    text.is_empty() || text.strip_prefix(b":").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

fn is_identity(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').all(|coding| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_from_nonsense() {
        for good in [
            "",
            "a",
            "chatty.example",
            "a_b:8080",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "a:",
            "a~b!",
            "xn--bcher-kva.example:1",
        ] {
            assert!(is_host(&HeaderValue::from_static(good)), "{good}");
        }
        for bad in ["a b", "a:b", "a:b:c", "a/b", "me@a", "[[x]]:%%%%", "[::1", "[::1]x", "<a>", "a?b", "a#b"] {
            assert!(!is_host(&HeaderValue::from_static(bad)), "{bad}");
        }
    }
}
