//! The numbers of the whole site.

use askama::Template;
use axum::response::Response;

use crate::error::Error;
use crate::pages::html;
use crate::views::Page;
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/moderation.html")]
struct NumbersPage {
    page: Page,
    stats: Vec<(String, u64)>,
}

/// Shows them.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    let stats = visit.api.stats().await?;
    let stats = vec![
        (visit.say("moderation-total-users"), stats.total_users),
        (visit.say("moderation-active-users"), stats.active_users),
        (visit.say("moderation-blocked-users"), stats.blocked_users),
        (visit.say("moderation-users-last-24h"), stats.users_last_24h),
        (visit.say("moderation-total-posts"), stats.total_posts),
        (visit.say("moderation-posts-last-24h"), stats.posts_last_24h),
        (visit.say("moderation-total-comments"), stats.total_comments),
        (visit.say("moderation-total-likes"), stats.total_likes),
    ];
    html(&NumbersPage { page: visit.page(visit.say("moderation-title")).await, stats })
}
