//! The pages, a file for each: read what was asked for, call the API, show the template. Only the router imports them.

// The ways in.
pub(crate) mod links;
pub(crate) mod mailbox;
pub(crate) mod reset;
pub(crate) mod sign_in;
pub(crate) mod sign_up;

// Daily life.
pub(crate) mod activity;
pub(crate) mod comments;
pub(crate) mod compose;
pub(crate) mod discover;
pub(crate) mod home;
pub(crate) mod live;
pub(crate) mod posts;
pub(crate) mod profiles;
pub(crate) mod report;
pub(crate) mod saved;
pub(crate) mod search;
pub(crate) mod tags;

// One's account, and the desk of the moderators.
pub(crate) mod moderation;
pub(crate) mod settings;

// The rest.
pub(crate) mod error;
pub(crate) mod keys;
pub(crate) mod machines;
pub(crate) mod receipt;

mod form;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::error::Error;

/// The query of a list: the place where it goes on.
#[derive(Deserialize)]
pub(crate) struct ListQuery {
    cursor: Option<String>,
}

/// Renders a page.
fn html(page: &impl Template) -> Result<Response, Error> {
    html_with(StatusCode::OK, page)
}

/// Renders a page with a status.
fn html_with(status: StatusCode, page: &impl Template) -> Result<Response, Error> {
    let text = page.render().map_err(|error| Error::Unreadable(format!("a template: {error}")))?;
    Ok((status, Html(text)).into_response())
}

/// Keeps a page out of all caches, because a link in a mail leads to it.
fn not_stored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Leads to another page after a form.
fn lead_to(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Builds the path of the next page of a list. `path` may have a query.
fn next_path(path: &str, cursor: Option<String>) -> Option<String> {
    let separator = if path.contains('?') { '&' } else { '?' };
    Some(format!("{path}{separator}cursor={}", crate::api::encode(&cursor?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_query() {
        let next = |path| next_path(path, Some("a=".to_owned())).unwrap();
        assert_eq!(next("/t/x"), "/t/x?cursor=a%3D");
        assert_eq!(next("/search?q=x"), "/search?q=x&cursor=a%3D");
        assert_eq!(next_path("/", None), None);
    }
}
