//! Following and being followed.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::auth::CurrentUser;
use shared::clock::Timestamp;
use shared::events;
use shared::http::{Listed, Page, Path, Query, read_ids};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::users::Model;
use crate::db::queries::subscriptions::{self, Side};
use crate::db::queries::users;
use crate::error::Error;
use crate::state::AppState;

/// An answer that is a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionChanged {
    /// What happened.
    #[schema(example = "Subscribed to user 7")]
    message: String,
}

/// A person.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    id: UserId,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    created_at: Option<Timestamp>,
}

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            bio: row.bio,
            created_at: row.created_at,
        }
    }
}

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionList {
    users: Vec<User>,
    /// How many there are in all.
    total: u64,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Follows somebody.
#[utoipa::path(
    post, path = "/subscribe/{user_id}", tag = "subscriptions", security(("bearer" = [])), params(("user_id" = UserId, Path)),
    responses((status = 200, body = SubscriptionChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, followee.id = %id))]
pub(crate) async fn subscribe(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<UserId>,
) -> Result<Json<SubscriptionChanged>, Error> {
    if id == user.id {
        return Err(Error::Oneself);
    }
    let mut tx = s.db.begin().await?;
    users::require(&*tx, id).await?;
    let subscription = subscriptions::follow(&tx, user.id, id).await?.ok_or(Error::AlreadySubscribed)?;
    events::remember(&mut tx, &[subscription]);
    tx.commit().await?;
    Ok(Json(SubscriptionChanged { message: format!("Subscribed to user {id}") }))
}

/// Stops following somebody.
#[utoipa::path(
    delete, path = "/unsubscribe/{user_id}", tag = "subscriptions", security(("bearer" = [])), params(("user_id" = UserId, Path)),
    responses((status = 200, body = SubscriptionChanged))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id, followee.id = %id))]
pub(crate) async fn unsubscribe(
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<UserId>,
) -> Result<Json<SubscriptionChanged>, Error> {
    let mut tx = s.db.begin().await?;
    let subscription = subscriptions::unfollow(&tx, user.id, id).await?.ok_or(Error::SubscriptionNotFound)?;
    events::remember(&mut tx, &[subscription]);
    tx.commit().await?;
    Ok(Json(SubscriptionChanged { message: format!("Unsubscribed from user {id}") }))
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
    page: Page,
) -> Result<Listed<SubscriptionList>, Error> {
    list(&s, Side::Followers, id, &page).await
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
    page: Page,
) -> Result<Listed<SubscriptionList>, Error> {
    list(&s, Side::Following, id, &page).await
}

async fn list(s: &AppState, side: Side, id: UserId, page: &Page) -> Result<Listed<SubscriptionList>, Error> {
    users::require(s.db.read(), id).await?;
    let (mut rows, total) = subscriptions::list(s.db.read(), side, id, page).await?;
    let next = page.cut(&mut rows, |row| row.id.0);
    let users = rows.into_iter().map(User::from).collect();
    Ok(page.answer(SubscriptionList { users, total, next: next.clone() }, next.as_deref()))
}

/// Which people.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowedFilter {
    /// Up to 100 ids, separated by commas.
    #[param(example = "1,2,3")]
    user_id: String,
}

/// Those of the people whom I follow.
#[derive(Serialize, ToSchema)]
pub(crate) struct Followed {
    user_ids: Vec<UserId>,
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
    Ok(Json(Followed { user_ids: subscriptions::followed_among(s.db.read(), user.id, &ids).await? }))
}
