//! The route of the feed.

use axum::extract::State;
use shared::auth::CurrentUser;
use shared::http::{Listed, Page};

use crate::answers::Feed;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::state::AppState;

/// Reads one's feed: posts of the followed, newest first, never one's own.
#[utoipa::path(
    get, path = "/feed", tag = "subscriptions", security(("bearer" = [])),
    params(Page),
    responses((status = 200, body = Feed))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn get_feed(State(s): State<AppState>, user: CurrentUser, page: Page) -> Result<Listed<Feed>, Error> {
    let found = s.feed.find_page(&s.db, user.id, page.after.map(PostId), page.fetch()).await?;
    let Some(mut ids) = found else {
        return Ok(page.answer(Feed::without_subscriptions(), None));
    };
    let next = page.cut(&mut ids, |id| id.0);
    let posts = s.feed.render(&ids).await?;
    Ok(page.answer(Feed::of(posts, next.clone()), next.as_deref()))
}
