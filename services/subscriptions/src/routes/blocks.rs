//! The routes by which people block each other.

use axum::extract::State;
use shared::auth::CurrentUser;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path};
use shared::ids::UserId;

use crate::actions;
use crate::answers::{BlockChanged, BlockList};
use crate::db::queries::personal_blocks;
use crate::error::Error;
use crate::state::AppState;

/// Blocks somebody: neither of us sees the other any more, and neither follows the other.
#[utoipa::path(
    post, path = "/users/{id}/block", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    responses((status = 200, body = BlockChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, blocked.id = %id))]
pub(crate) async fn block_person(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::block(&s.db, key, user.id, id).await
}

/// Ends my block of somebody. Nobody follows anybody again by that.
#[utoipa::path(
    delete, path = "/users/{id}/block", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    responses((status = 200, body = BlockChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, blocked.id = %id))]
pub(crate) async fn unblock_person(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::unblock(&s.db, key, user.id, id).await
}

/// Lists the people whom I block, newest account first.
#[utoipa::path(
    get, path = "/blocks", tag = "subscriptions", security(("bearer" = [])), params(Page),
    responses((status = 200, body = BlockList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_blocks(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<BlockList>, Error> {
    let mut rows = personal_blocks::list(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.id.0);
    Ok(page.answer(BlockList::of(rows, next.clone()), next.as_deref()))
}
