//! The pages that explain problems: one for each code, and one that lists them. They stand at the types of the problems.

use std::fmt::Write as _;

use axum::http::StatusCode;

use crate::problems::{self, Kind};

/// The style of the pages, which follow the reader's choice of a light or a dark screen.
const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;\
    margin:3rem auto;padding:0 1rem}dt{margin-top:1rem;font-weight:bold}dd{margin:0}code{overflow-wrap:anywhere}";

/// Reads a name below `/docs/`: returns the code whose page it names, which is empty for the list; `None` if it names
/// no page of problems.
pub(super) fn code_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("problems")?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Builds the page of a code, or the list if the code is empty; `None` for a code that does not exist.
pub(super) fn build(code: &str) -> Option<String> {
    if code.is_empty() { Some(list()) } else { problems::find(code).map(describe) }
}

fn list() -> String {
    let mut body = String::from(
        "<p>A request that fails is answered with a problem (<a href=\"https://www.rfc-editor.org/rfc/rfc9457\">RFC \
         9457</a>). Its <code>code</code> is one of these, and its <code>type</code> is the path of the page about the \
         code. More codes may be added: a client that does not know one goes by the status.</p><dl>",
    );
    for Kind { code, statuses, title, meaning, .. } in problems::kinds() {
        let (path, statuses) = (problems::type_of(code), numbers(statuses));
        // Writing to a text cannot fail.
        let _written = write!(
            body,
            "<dt>{statuses} <a href=\"{path}\"><code>{code}</code></a></dt><dd>{title}. {}</dd>",
            escape(meaning)
        );
    }
    body.push_str("</dl>");
    page("Problems", &body)
}

fn describe(kind: &Kind) -> String {
    let statuses: Vec<String> = kind.statuses.iter().map(|status| with_reason(*status)).collect();
    let body = format!(
        "<dl><dt>Code</dt><dd><code>{}</code></dd><dt>Status</dt><dd>{}</dd><dt>Meaning</dt><dd>{}</dd>\
         <dt>Advice</dt><dd>{}</dd></dl><p><a href=\"{}\">All problems</a> &middot; <a href=\"/docs/\">API \
         reference</a></p>",
        kind.code,
        statuses.join(", or "),
        escape(kind.meaning),
        escape(kind.advice),
        problems::PAGES
    );
    page(kind.title, &body)
}

fn numbers(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn with_reason(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    format!("{status} {reason}")
}

/// Builds an HTML page. `body` is HTML.
fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} - Chatty</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
}

/// Escapes a text of the list of problems for HTML, and sets what stands between backticks as code.
fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_the_reference_are_told_apart() {
        assert_eq!(code_of("problems"), Some(""));
        assert_eq!(code_of("problems/"), Some(""));
        assert_eq!(code_of("problems/busy"), Some("busy"));
        assert_eq!(code_of("problems.css"), None);
        assert_eq!(code_of("index.html"), None);
        assert!(build("<script>").is_none());
    }

    #[test]
    fn a_page_shows_its_texts_as_html() {
        let page = build("second_factor_required").unwrap();
        assert!(page.contains("<code>challenge</code>") && page.contains("401 Unauthorized"), "{page}");
        assert_eq!(escape("a < `b`"), "a &lt; <code>b</code>");
    }
}
