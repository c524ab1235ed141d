//! Styles, modules and icons: embedded in the program, compressed once, and cached by browsers for ever.
//!
//! All files stand below one path that contains the hash of all of them, so modules and styles import each other by
//! relative paths, and a new version of one file is a new address of each.

use std::collections::HashMap;
use std::io::Write;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use shared::error::ApiError;

use crate::state::AppState;

#[derive(RustEmbed)]
#[folder = "assets"]
struct Embedded;

/// All files, ready to be sent.
pub(crate) struct Assets {
    /// The beginning of their paths: `/assets/` and the hash.
    pub(crate) base: std::sync::Arc<str>,
    files: HashMap<String, File>,
}

struct File {
    content_type: &'static str,
    plain: Bytes,
    /// The compressed form, if it is smaller.
    gzip: Option<Bytes>,
}

impl Assets {
    /// Reads all files out of the program.
    pub(crate) fn load() -> Self {
        let mut names: Vec<_> = Embedded::iter().collect();
        names.sort();
        let (mut hash, mut files) = (Sha256::new(), HashMap::new());
        for name in names {
            let Some(found) = Embedded::get(&name) else { continue };
            hash.update(name.as_bytes());
            hash.update(&found.data);
            let plain = Bytes::from(found.data.into_owned());
            let gzip = compress(&plain).filter(|gzip| gzip.len() < plain.len());
            files.insert(name.to_string(), File { content_type: content_type(&name), plain, gzip });
        }
        let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { base: format!("/assets/{hash}").into(), files }
    }
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// Sends a file. The hash in the path is not compared: a page of the version before, which is still open, gets the file
/// of this version, but it is not kept.
pub(crate) async fn get_asset(
    State(s): State<AppState>,
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = s.assets.files.get(&name).ok_or_else(|| ApiError::not_found("There is nothing at this path"))?;
    let is_current = s.assets.base.strip_prefix("/assets/") == Some(&*hash);
    let lifetime = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let gzip = file.gzip.as_ref().filter(|_| accepted.split(',').any(|one| one.trim().starts_with("gzip")));
    let mut response = gzip.unwrap_or(&file.plain).clone().into_response();
    let answered = response.headers_mut();
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answered.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    answered.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip.is_some() {
        answered.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
