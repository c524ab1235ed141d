//! Posts and comments that moderators have removed.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::{Path, Query};

use crate::error::Error;
use crate::pages::{html, lead_to, next_path};
use crate::views::{Moment, Page};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/moderation_removed.html")]
struct RemovedPage {
    page: Page,
    items: Vec<RemovedView>,
    next: Option<String>,
    comments: bool,
}

/// A removed post or comment, as the page shows it.
struct RemovedView {
    /// `posts` or `comments`, as in paths.
    kind: &'static str,
    id: u64,
    author: String,
    title: String,
    content: String,
    reason: String,
    decided: Option<Moment>,
}

/// The query of the page.
#[derive(Deserialize)]
pub(crate) struct RemovedQuery {
    cursor: Option<String>,
    comments: Option<String>,
}

/// Shows what was removed.
pub(crate) async fn show(Member(visit, _): Member, Query(asked): Query<RemovedQuery>) -> Result<Response, Error> {
    let comments = asked.comments.is_some();
    let kind = if comments { "comments" } else { "posts" };
    let list = visit.api.removed(kind, asked.cursor.as_deref()).await?;
    let viewer = visit.viewer();
    let items = list.items.into_iter().map(|item| RemovedView {
        kind,
        id: item.id,
        author: item.content.author.and_then(|author| author.username).unwrap_or_default(),
        title: item.content.title.unwrap_or_default(),
        content: item.content.content.unwrap_or_default(),
        decided: item.decision.as_ref().map(|decision| viewer.moment(decision.decided_at)),
        reason: item.decision.and_then(|decision| decision.reason).unwrap_or_default(),
    });
    let items = items.collect();
    let path = if comments { "/moderation/removed?comments=true" } else { "/moderation/removed" };
    let page = visit.page(visit.say("moderation-removed-title")).await;
    html(&RemovedPage { page, items, next: next_path(path, list.next), comments })
}

/// Restores what was removed.
pub(crate) async fn restore(
    Member(visit, _): Member,
    Path((kind, id)): Path<(String, u64)>,
) -> Result<Response, Error> {
    let kind = ["posts", "comments"].into_iter().find(|known| *known == kind).ok_or_else(Error::not_found)?;
    visit.api.restore(kind, id).await?;
    Ok(lead_to("/moderation/removed?done=restored"))
}
