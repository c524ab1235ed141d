//! The few pages that this service shows to browsers.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::domain::mails::escape;

/// The content security policy of the pages: they load nothing and cannot be framed. `form-action` comes last, so that
/// another target for forms can be appended.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Builds an HTML page. `title` is plain text, `body` is HTML.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    page_with_policy(POLICY.to_owned(), status, title, body)
}

/// Builds a page whose form is answered by a redirect to another server. `origin` is the origin of this server; the
/// policy must name it, because browsers apply `form-action` to redirects too.
pub(super) fn page_that_leads_to(origin: &str, status: StatusCode, title: &str, body: &str) -> Response {
    page_with_policy(format!("{POLICY} {origin}"), status, title, body)
}

fn page_with_policy(policy: String, status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} - Chatty</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}\
         button,input{{font:inherit;padding:.5rem 1.5rem;max-width:100%;box-sizing:border-box}}pre{{white-space:pre-wrap;background:#f4f4f4;padding:1rem;overflow-wrap:anywhere}}\
         dt{{margin-top:1rem}}code{{overflow-wrap:anywhere}}\
         </style></head><body><h1>{title}</h1>{body}</body></html>"
    );
    let headers = [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        // Some pages have a JSON form at the same path, so a cache must look at the request's `Accept`.
        (header::VARY, "accept"),
    ];
    (status, [(header::CONTENT_SECURITY_POLICY, policy)], headers, Html(html)).into_response()
}
