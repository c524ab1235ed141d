//! The posts that the visitor has saved for later. The page is not at `/bookmarks`, which is a path of the API.

use askama::Template;
use axum::response::Response;
use shared::http::Query;

use super::{ListQuery, html, next_path};
use crate::error::Error;
use crate::views::{Page, PostView};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/saved.html")]
struct SavedPage {
    page: Page,
    posts: Vec<PostView>,
    next: Option<String>,
}

/// Shows them, the latest saved first.
pub(crate) async fn show_saved(Member(visit, _): Member, Query(list): Query<ListQuery>) -> Result<Response, Error> {
    let found = visit.api.bookmarks(20, list.cursor.as_deref()).await?;
    let mut posts = visit.show_posts(&found.posts).await;
    posts.iter_mut().for_each(|post| post.saved = true);
    let page = visit.page(visit.say("saved-title")).await;
    html(&SavedPage { page, posts, next: next_path("/saved", found.next) })
}
