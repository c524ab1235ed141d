//! The response of `GET /admin/stats`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::queries::stats::Counted;

/// The numbers of the suite. They may lag by a moment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Not erased.
    total_users: u64,
    /// Verified and not blocked.
    active_users: u64,
    /// Neither deleted nor removed, whoever wrote them.
    total_posts: u64,
    /// Of these posts: the sum of `comment_count`, so without those that are deleted or removed, or whose authors are blocked.
    total_comments: i64,
    /// Of these posts: the sum of `like_count`, so without those of people who are blocked.
    total_likes: i64,
    blocked_users: u64,
    posts_last_24h: u64,
    users_last_24h: u64,
}

/// The answer with the statistics.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatsOut {
    #[schema(example = "Activity stats")]
    message: &'static str,
    stats: Stats,
}

impl StatsOut {
    /// Builds the response from the counted numbers.
    pub(crate) fn of(counted: Counted) -> Self {
        let stats = Stats {
            total_users: counted.total_users,
            active_users: counted.active_users,
            total_posts: counted.total_posts,
            total_comments: counted.total_comments,
            total_likes: counted.total_likes,
            blocked_users: counted.blocked_users,
            posts_last_24h: counted.posts_last_24h,
            users_last_24h: counted.users_last_24h,
        };
        Self { message: "Activity stats", stats }
    }
}
