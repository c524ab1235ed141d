//! The few pages that this service shows to browsers.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::domain::mails::escape;

/// The policy of the pages: they load nothing, cannot be framed, and send forms to this server only.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Builds the answer that is a page. `title` is a plain text, `body` is HTML.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} - Chatty</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}\
         button,input{{font:inherit;padding:.5rem 1.5rem;max-width:100%;box-sizing:border-box}}pre{{white-space:pre-wrap;background:#f4f4f4;padding:1rem;overflow-wrap:anywhere}}\
         table{{border-collapse:collapse}}th,td{{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0}}\
         </style></head><body><h1>{title}</h1>{body}</body></html>"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        // Every page has a JSON form at the same path, so a cache must look at the request's `Accept`.
        (header::VARY, "accept"),
    ];
    (status, headers, Html(html)).into_response()
}
