//! The routes by which people mute each other.

use axum::extract::State;
use shared::auth::CurrentUser;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path};
use shared::ids::UserId;

use crate::actions;
use crate::answers::{MuteChanged, MuteList};
use crate::db::queries::mutes;
use crate::error::Error;
use crate::state::AppState;

/// Mutes somebody: their posts leave my feed, and nothing that they do becomes a notification.
#[utoipa::path(
    post, path = "/users/{id}/mute", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    responses((status = 200, body = MuteChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, muted.id = %id))]
pub(crate) async fn mute_user(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::mute(&s.db, key, user.id, id).await
}

/// Ends the mute of somebody.
#[utoipa::path(
    delete, path = "/users/{id}/mute", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("id" = UserId, Path)),
    responses((status = 200, body = MuteChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, muted.id = %id))]
pub(crate) async fn unmute_user(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::unmute(&s.db, key, user.id, id).await
}

/// Lists the people whom I mute, newest account first.
#[utoipa::path(
    get, path = "/mutes", tag = "subscriptions", security(("bearer" = [])), params(Page),
    responses((status = 200, body = MuteList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_mutes(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<MuteList>, Error> {
    let mut rows = mutes::list(s.db.read(), user.id, &page).await?;
    let next = page.cut(&mut rows, |row| row.id.0);
    Ok(page.answer(MuteList::of(rows, next.clone()), next.as_deref()))
}
