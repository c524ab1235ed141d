//! The posts with a hashtag.

use askama::Template;
use axum::response::Response;
use shared::http::{Path, Query};

use super::{ListQuery, html, next_path};
use crate::api::encode;
use crate::error::Error;
use crate::views::{Page, PostView};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "pages/tag.html")]
struct TagPage {
    page: Page,
    tag: String,
    posts: Vec<PostView>,
    next: Option<String>,
}

/// Shows the posts with a hashtag, newest first.
pub(crate) async fn show_tag(
    visit: Visit,
    Path(tag): Path<String>,
    Query(list): Query<ListQuery>,
) -> Result<Response, Error> {
    let found = visit.api.posts(&format!("tag={}", encode(&tag)), list.cursor.as_deref()).await?;
    let path = format!("/t/{}", encode(&tag));
    let mut page = visit.page(format!("#{tag}")).await;
    page.canonical = Some(visit.address(&path));
    page.feed = Some(format!("/tags/{}/feed", encode(&tag)));
    let (posts, next) = (visit.show_posts(&found.posts).await, next_path(&path, found.next));
    html(&TagPage { page, tag, posts, next })
}
