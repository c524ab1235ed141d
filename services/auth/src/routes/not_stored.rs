//! The headers that keep answers with tokens, codes or personal data out of all caches (RFC 6749, section 5.1).

use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, PRAGMA};

/// The headers of such answers. `Pragma` is for caches that only know HTTP/1.0; OAuth asks for both.
pub(super) const NOT_STORED: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
