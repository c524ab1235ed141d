//! Notifications. The page is not at `/notifications`, which is a path of the API.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Query;

use super::form::Typed;
use super::{html, lead_to, next_path};
use crate::error::Error;
use crate::views::{NotificationView, Page};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/activity.html")]
struct ActivityPage {
    page: Page,
    notifications: Vec<NotificationView>,
    next: Option<String>,
    unread: bool,
    up_to: String,
}

/// The query of the page.
#[derive(Deserialize)]
pub(crate) struct ActivityQuery {
    cursor: Option<String>,
    unread: Option<String>,
}

/// The time up to which everything was read.
#[derive(Deserialize)]
pub(crate) struct ReadForm {
    up_to: String,
}

/// Shows notifications, newest first.
pub(crate) async fn show_activity(
    Member(visit, _): Member,
    Query(asked): Query<ActivityQuery>,
) -> Result<Response, Error> {
    let unread = asked.unread.is_some();
    let list = visit.api.notifications(unread, asked.cursor.as_deref()).await?;
    let viewer = visit.viewer();
    // Only what the page shows is marked as read by its button.
    let newest = list.notifications.first().filter(|_| asked.cursor.is_none()).filter(|one| !one.read);
    let up_to = newest.map(|one| one.created_at.to_string()).unwrap_or_default();
    let notifications = list.notifications.iter().filter_map(|one| NotificationView::new(one, &viewer)).collect();
    let page = visit.page(visit.say("activity-title")).await;
    let next = next_path(if unread { "/activity?unread=true" } else { "/activity" }, list.next);
    html(&ActivityPage { page, notifications, next, unread, up_to })
}

/// Marks everything as read that the visitor has seen.
pub(crate) async fn mark_read(Member(visit, _): Member, Typed(typed): Typed<ReadForm>) -> Result<Response, Error> {
    visit.api.mark_read(&typed.up_to).await?;
    Ok(lead_to("/activity"))
}

/// Tells the number of notifications that are not read yet, for the badge of an open page.
pub(crate) async fn count_unread(Member(visit, _): Member) -> Result<String, Error> {
    Ok(visit.api.unread_count().await?.to_string())
}
