//! Compresses answers with gzip when the client accepts it: JSON and other texts from 2 KiB on.

use std::io::Write;

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::ApiError;

/// The smallest body that is compressed, in bytes. For a smaller body the saving is not worth the time.
pub(super) const MIN_SIZE: u64 = 2 * 1024;
/// From this many bytes on, compressing takes so long that it would delay other requests: another thread does it.
const LARGE: usize = 64 * 1024;

/// Returns whether the header `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3).
pub(super) fn accepts_gzip(accepted: &HeaderValue) -> bool {
    let Ok(accepted) = accepted.to_str() else { return false };
    let weight = |names: &[&str]| {
        let mut found = accepted.split(',').filter_map(|one| {
            let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
            let is_named = names.iter().any(|known| name.trim().eq_ignore_ascii_case(known));
            let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix(['q', 'Q']));
            let quality = quality.and_then(|quality| quality.trim_start().strip_prefix('='));
            is_named.then(|| quality.map_or(Some(1.0), |quality| quality.trim().parse::<f32>().ok()).unwrap_or(0.0))
        });
        found.next()
    };
    weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).is_some_and(|weight| weight > 0.0)
}

/// Compresses an answer if it is a text, is large enough, and `accepts_gzip` is true. An answer with a strong ETag stays
/// as it is, because the tag stands for exactly these bytes. For HEAD only the headers change.
pub(super) async fn compress(mut response: Response, accepts_gzip: bool, is_head: bool) -> Response {
    let size = if is_head { content_length(response.headers()) } else { response.body().size_hint().exact() };
    let headers = response.headers_mut();
    let has_strong_tag = headers.get(header::ETAG).is_some_and(|tag| !tag.as_bytes().starts_with(b"W/"));
    let is_final = has_strong_tag || headers.contains_key(header::CONTENT_ENCODING);
    if is_final || size.is_none_or(|size| size < MIN_SIZE) || !is_text(headers) {
        return response;
    }
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !accepts_gzip {
        return response;
    }
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(header::CONTENT_LENGTH);
    if is_head {
        return response;
    }
    let (parts, body) = response.into_parts();
    let compressed = async {
        let body = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
        if body.len() < LARGE {
            return gzip(&body, Compression::fast());
        }
        let work = tokio::task::spawn_blocking(move || gzip(&body, Compression::fast()));
        work.await.map_err(ApiError::internal)?
    };
    match compressed.await {
        Ok(bytes) => Response::from_parts(parts, Body::from(bytes)),
        Err(error) => error.into_response(),
    }
}

/// Compresses bytes with gzip.
///
/// # Errors
/// An internal error of the compressor. It writes to memory, so none is expected.
pub(super) fn gzip(bytes: &[u8], level: Compression) -> Result<Bytes, ApiError> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map(Bytes::from).map_err(ApiError::internal)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/")
        || kind.split(';').next().is_some_and(|kind| kind.ends_with("json") || kind.ends_with("xml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_when_it_is_accepted() {
        let takes = |text: &str| accepts_gzip(&text.parse().unwrap());
        for yes in ["gzip", "GZIP", "x-gzip", "br, gzip;q=0.5", "*", "gzip ; q = 1.0", "deflate, gzip;q=1.0, *;q=0.5"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "br", "identity", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "gzip;q=x"] {
            assert!(!takes(no), "{no}");
        }
    }

    #[tokio::test]
    async fn what_is_small_or_no_text_or_has_a_strong_etag_is_left_alone() {
        let large = "{\"a\":1}".repeat(1_000);
        let answer = |kind: &'static str, body: &str| ([(header::CONTENT_TYPE, kind)], body.to_owned()).into_response();
        for (before, takes, coded, varies) in [
            (answer("application/json", &large), true, true, true),
            (answer("application/problem+json", &large), true, true, true),
            (answer("application/json", &large.repeat(20)), true, true, true),
            (answer("application/json", &large), false, false, true),
            (answer("application/json", "{}"), true, false, false),
            (answer("image/png", &large), true, false, false),
            (answer("application/atom+xml", &large), true, true, true),
            (([(header::ETAG, "\"1\"")], answer("application/json", &large)).into_response(), true, false, false),
            (([(header::ETAG, "W/\"1\"")], answer("application/json", &large)).into_response(), true, true, true),
        ] {
            let (is_head, size) = (false, before.body().size_hint().exact().unwrap());
            let after = compress(before, takes, is_head).await;
            let has = |name| after.headers().contains_key(name);
            assert_eq!((has(header::CONTENT_ENCODING), has(header::VARY)), (coded, varies));
            let sent = to_bytes(after.into_body(), usize::MAX).await.unwrap().len() as u64;
            assert_eq!(sent < size, coded);
        }
    }
}
