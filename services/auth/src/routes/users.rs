//! Looking people up.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::error::{ApiError, Problem};
use shared::http::{Listed, Page, Path, Query};
use shared::ids::UserId;
use utoipa::{IntoParams, ToSchema};

use crate::db::entities::user;
use crate::db::queries::users;
use crate::domain::names;
use crate::error::AuthError;
use crate::state::AppState;

/// A person, as everybody may see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserOut {
    id: UserId,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    created_at: Timestamp,
}

impl From<user::Model> for UserOut {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.user_id(),
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: user.created_at,
        }
    }
}

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsersOut {
    users: Vec<UserOut>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// What to look for: one of the two.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindUsers {
    /// A username, in any case.
    username: Option<String>,
    /// A mask over first, last or "first last" name, in any case; `*` matches any run.
    #[param(example = "ann*")]
    name: Option<String>,
}

/// Answers a person. Who is not verified, or blocked, is not found.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = i64, Path, description = "The person's id")), responses(
    (status = 200, description = "The person", body = UserOut),
    (status = 400, description = "The id is no integer", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such person", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = id.0))]
pub(crate) async fn get_user(State(state): State<AppState>, Path(id): Path<UserId>) -> Result<Response, ApiError> {
    let body = state.shown.0.find(id.0).await?.ok_or(AuthError::UserNotFound)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Bytes::clone(&body)).into_response())
}

/// Finds people by username (none or one) or by a mask over their names.
#[utoipa::path(get, path = "/users", tag = "users", params(FindUsers,
    Page,
), responses(
    (status = 200, description = "People, newest first", body = UsersOut),
    (status = 400, description = "Not one of username and name, or a bad value", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn find_users(
    State(state): State<AppState>,
    page: Page,
    Query(asked): Query<FindUsers>,
) -> Result<Listed<UsersOut>, ApiError> {
    let bad = |detail: &'static str| ApiError::bad_request("bad_query", detail);
    let mut found = match (asked.username, asked.name) {
        (Some(username), None) => {
            let user = users::find_by_username(state.db.read(), &username).await?;
            user.filter(user::Model::is_active).into_iter().collect()
        }
        (None, Some(mask)) => {
            let pattern = names::pattern(&mask).map_err(bad)?;
            users::search(state.db.read(), &pattern, page.after, page.fetch()).await?
        }
        (None, None) => return Err(bad("username or name is required")),
        (Some(_), Some(_)) => return Err(bad("username and name cannot be used together")),
    };
    let next = page.cut(&mut found, |user| user.id);
    let out = UsersOut { users: found.into_iter().map(UserOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}
