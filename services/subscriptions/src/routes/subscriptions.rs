//! The routes by which people follow each other, and those that list followers and followees.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::auth::{CurrentUser, Viewer};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, Listed, Page, Path, Query, read_ids};
use shared::ids::UserId;

use crate::actions;
use crate::answers::{Followed, SubscriptionChanged, SubscriptionList};
use crate::db::queries::subscriptions::{self, Side};
use crate::db::queries::{personal_blocks, users};
use crate::error::Error;
use crate::state::AppState;

/// Follows somebody.
#[utoipa::path(
    post, path = "/subscribe/{user_id}", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("user_id" = UserId, Path)),
    responses((status = 200, body = SubscriptionChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, followee.id = %id))]
pub(crate) async fn subscribe(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::follow(&s.db, key, user.id, id).await
}

/// Stops following somebody.
#[utoipa::path(
    delete, path = "/unsubscribe/{user_id}", tag = "subscriptions", security(("bearer" = [])), params(IdempotencyKey, ("user_id" = UserId, Path)),
    responses((status = 200, body = SubscriptionChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, followee.id = %id))]
pub(crate) async fn unsubscribe(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    Path(id): Path<UserId>,
) -> Result<Answer, Error> {
    actions::unfollow(&s.db, key, user.id, id).await
}

/// Lists who follows a person, newest account first.
#[utoipa::path(
    get, path = "/users/{id}/followers", tag = "subscriptions",
    params(("id" = UserId, Path), Page),
    responses((status = 200, body = SubscriptionList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %id))]
pub(crate) async fn list_followers(
    State(s): State<AppState>,
    Path(id): Path<UserId>,
    viewer: Viewer,
    page: Page,
) -> Result<Listed<SubscriptionList>, Error> {
    list_people(&s, &viewer, Side::Followers, id, &page).await
}

/// Lists whom a person follows, newest account first.
#[utoipa::path(
    get, path = "/users/{id}/following", tag = "subscriptions",
    params(("id" = UserId, Path), Page),
    responses((status = 200, body = SubscriptionList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %id))]
pub(crate) async fn list_following(
    State(s): State<AppState>,
    Path(id): Path<UserId>,
    viewer: Viewer,
    page: Page,
) -> Result<Listed<SubscriptionList>, Error> {
    list_people(&s, &viewer, Side::Following, id, &page).await
}

/// Builds the response with a page of the people on one side of a person's subscriptions.
async fn list_people(
    s: &AppState,
    viewer: &Viewer,
    side: Side,
    id: UserId,
    page: &Page,
) -> Result<Listed<SubscriptionList>, Error> {
    let (db, reader) = (s.db.read(), viewer.find_id().await);
    let is_hidden = match reader {
        Some(reader) => personal_blocks::part(db, reader, id).await?,
        None => false,
    };
    if is_hidden || !users::is_visible(db, id).await? {
        return Err(Error::UserNotFound);
    }
    let (mut rows, total) = subscriptions::list_people(db, side, id, reader, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id.0);
    Ok(page.answer(SubscriptionList::of(rows, total, next.clone()), next.as_deref()))
}

/// The filter of [`list_followed`].
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowedFilter {
    /// Up to 100 ids, separated by commas.
    #[param(pattern = "^-?[0-9]{1,16}(,-?[0-9]{1,16}){0,99}$", example = "1,2,3")]
    user_id: String,
}

/// Tells which of these people I follow, hidden ones too.
#[utoipa::path(
    get, path = "/following", tag = "subscriptions", security(("bearer" = [])), params(FollowedFilter),
    responses((status = 200, body = Followed))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn list_followed(
    State(s): State<AppState>,
    user: CurrentUser,
    Query(filter): Query<FollowedFilter>,
) -> Result<Json<Followed>, Error> {
    let ids = read_ids("user_id", &filter.user_id, UserId)?;
    Ok(Json(Followed { user_ids: subscriptions::find_followed_among(s.db.read(), user.id, &ids).await? }))
}
