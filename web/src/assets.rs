//! Styles, modules and icons: embedded in the program, compressed once, and cached by browsers for ever.
//!
//! All files stand below one path that contains the hash of all of them, so modules and styles import each other by
//! relative paths, and a new version of one file is a new address of each.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "assets"]
struct Embedded;

/// All files, ready to be sent.
pub(crate) struct Assets {
    /// The beginning of their paths: `/assets/` and the hash.
    pub(crate) base: Arc<str>,
    files: HashMap<String, File>,
}

/// A file.
pub(crate) struct File {
    pub(crate) content_type: &'static str,
    pub(crate) plain: Bytes,
    /// The compressed form, if it is smaller.
    pub(crate) gzip: Option<Bytes>,
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

    /// Finds a file.
    pub(crate) fn find(&self, name: &str) -> Option<&File> {
        self.files.get(name)
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
