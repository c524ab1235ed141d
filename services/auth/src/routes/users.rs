//! The look-up of people, by id, username or name.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::auth::Viewer;
use shared::error::{ApiError, Problem};
use shared::http::{Listed, Page, Path, Query};
use shared::ids::UserId;
use shared::text::words::prefix_key;
use utoipa::IntoParams;

use crate::answers::{UserOut, UsersOut};
use crate::db::entities::users::Model as User;
use crate::db::queries::users;
use crate::domain::names::Mask;
use crate::error::Error;
use crate::state::AppState;

/// The query of a search: exactly one of the fields.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindUsers {
    /// A username, in any case.
    username: Option<String>,
    /// A mask over first, last or "first last" name, in any case; `*` matches any run.
    #[param(example = "ann*")]
    name: Option<String>,
    /// The beginning of a username, or of first and last name from any of their words on, in any case and without regard
    /// to accents, spaces and signs. The shortest matches come first.
    #[param(example = "ann", max_length = 200)]
    search: Option<String>,
}

/// The most characters of a search.
const MAX_SEARCH: usize = 200;

/// Answers a person. Who is not verified, or blocked, is not found, nor is somebody with whom the reader has a block.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = i64, Path, description = "The person's id")), responses(
    (status = 200, description = "The person", body = UserOut),
    (status = 400, description = "The id is no integer", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such person", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = id.0))]
pub(crate) async fn get_user(
    State(s): State<AppState>,
    viewer: Viewer,
    Path(id): Path<UserId>,
) -> Result<Response, Error> {
    if !viewer.sees(id).await {
        return Err(Error::UserNotFound);
    }
    let body = s.shown.find(id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], Bytes::clone(&body)).into_response())
}

/// Finds people by username (none or one), by a mask over their names, or by the beginning of a name.
#[utoipa::path(get, path = "/users", tag = "users", params(FindUsers,
    Page,
), responses(
    (status = 200, description = "People, newest first; those of a search by their names", body = UsersOut),
    (status = 400, description = "Not one of username, name and search, or a bad value", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn find_users(
    State(s): State<AppState>,
    viewer: Viewer,
    page: Page,
    Query(asked): Query<FindUsers>,
) -> Result<Listed<UsersOut>, Error> {
    let bad = |detail: &'static str| ApiError::bad_request("bad_query", detail);
    let mut found = match (asked.username, asked.name, asked.search) {
        (Some(username), None, None) => {
            // A username that nobody can have is no error: the answer is an empty page.
            let user = users::find_by_username(s.db.read(), &username, s.db.clock().now()).await?;
            user.filter(User::is_active).into_iter().collect()
        }
        (None, Some(mask), None) => {
            let mask = Mask::parse(&mask).map_err(bad)?;
            users::search_by_name(s.db.read(), &mask, page.after, page.fetch()).await?
        }
        (None, None, Some(search)) if search.chars().count() > MAX_SEARCH => {
            return Err(bad("search must have at most 200 characters").into());
        }
        (None, None, Some(search)) => match prefix_key(&search) {
            Some(token) => users::search_by_beginning(s.db.read(), &token, page.after, page.fetch()).await?,
            // Without a letter or digit there is nothing to search for.
            None => Vec::new(),
        },
        (None, None, None) => return Err(bad("username, name or search is required").into()),
        _ => return Err(bad("username, name and search cannot be used together").into()),
    };
    let next = page.cut(&mut found, |user| user.id);
    viewer.retain_seen(&mut found, User::user_id).await;
    let out = UsersOut { users: found.into_iter().map(UserOut::from).collect(), next: next.clone() };
    Ok(page.answer(out, next.as_deref()))
}
