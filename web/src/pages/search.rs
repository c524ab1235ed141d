//! Search: people and posts.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Query;

use super::{html, next_path};
use crate::api::encode;
use crate::error::Error;
use crate::views::{Page, PersonView, PostView};
use crate::visit::{Missing, Visit};

#[derive(Template)]
#[template(path = "pages/search.html")]
struct SearchPage {
    page: Page,
    query: String,
    posts: Vec<PostView>,
    people: Vec<PersonView>,
    next: Option<String>,
    asked: bool,
    error: Option<String>,
}

/// The query of a search.
#[derive(Deserialize)]
pub(crate) struct SearchQuery {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// Shows the form, and what was found.
pub(crate) async fn show_search(visit: Visit, Query(asked): Query<SearchQuery>) -> Result<Response, Error> {
    let query = asked.q.trim().to_owned();
    if query.is_empty() {
        let page = visit.page(visit.say("search-title")).await;
        let (posts, people) = (Vec::new(), Vec::new());
        return html(&SearchPage { page, query, posts, people, next: None, asked: false, error: None });
    }
    let name = query.trim_start_matches('@');
    let (posts, people) =
        tokio::join!(visit.api.search_posts(&query, asked.cursor.as_deref()), visit.api.search_users(name));
    // A word may be good for one of the two only, such as a single sign.
    let people = people.map(|list| list.users).unwrap_or_default();
    let mut missing = Missing::default();
    let (posts, next, error) = match missing.take(posts, "missing-posts") {
        Ok(list) => (list.posts, list.next, None),
        Err(Error::Refused(refusal)) if refusal.status.is_client_error() && refusal.retry_after.is_none() => {
            (Vec::new(), None, Some(visit.say("search-no-words")))
        }
        Err(error) => return Err(error),
    };
    let (posts, people) = tokio::join!(visit.show_posts(&posts), visit.show_people(&people));
    let people = if asked.cursor.is_none() { people } else { Vec::new() };
    let mut page = visit.page(visit.language.about("search-title-of", &query)).await;
    missing.tell(&mut page);
    let next = next_path(&format!("/search?q={}", encode(&query)), next);
    html(&SearchPage { page, query, posts, people, next, asked: true, error })
}
