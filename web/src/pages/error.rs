//! The page about a failure.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use shared::http::{PageError, PageRequest};

use crate::session::Session;
use crate::state::AppState;
use crate::views::{Me, Page};
use crate::visit::{Look, set_page_headers};

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    sentence: String,
    request_id: String,
    retry: Option<u64>,
    back: String,
}

/// Builds the page about a failure. It asks the API for nothing, because that may be what has failed.
pub(crate) fn build(s: &AppState, request: &PageRequest, error: &PageError) -> Response {
    let look = Look::read(s, &request.headers);
    let session = Session::read(&request.headers, &s.keys, s.secure);
    let problem = &error.problem;
    let known = look.language.try_say(&format!("problem-{}", problem.code)).map(std::borrow::Cow::into_owned);
    let sentence = known.unwrap_or_else(|| format!("{}.", problem.detail));
    let page = Page {
        path: request.path.clone(),
        title: sentence.clone(),
        me: session.as_ref().map(Me::new),
        notices: Vec::new(),
        theme: look.theme,
        assets: s.assets.base.clone(),
        site: s.public_url.clone(),
        canonical: None,
        description: None,
        image: None,
        feed: None,
        calls: Vec::new(),
        language: look.language,
    };
    // A form is not sent again by a link.
    let back = if request.is_read { request.path.clone() } else { String::new() };
    let (status, request_id) = (problem.status, problem.request_id.clone());
    let shown = ErrorPage { page, status, sentence, request_id, retry: error.retry_after, back };
    let mut response = match shown.render() {
        Ok(text) => Html(text).into_response(),
        // The template has no part that could fail; were it otherwise, the bare sentence is better than nothing.
        Err(_) => problem.detail.to_string().into_response(),
    };
    set_page_headers(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
