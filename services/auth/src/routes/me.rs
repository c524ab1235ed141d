//! One's own profile.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::events;
use shared::http::{ValidJson, Validate};
use shared::ids::UserId;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::db::entities::user;
use crate::db::queries::users;
use crate::error::AuthError;
use crate::state::{AppState, Me};
use crate::user_stream::UserState;

/// One's own profile: the only answer with the e-mail address.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeOut {
    id: UserId,
    username: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    created_at: Timestamp,
    /// Verified and not blocked.
    is_active: bool,
    role: Role,
}

impl From<user::Model> for MeOut {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.user_id(),
            is_active: user.is_active(),
            role: user.role(),
            username: user.username,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: user.created_at,
        }
    }
}

/// What changes. A field that is absent stays; `null` clears it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 500)]
    bio: Option<Option<Lines>>,
}

/// Tells `null` apart from an absent field.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Validate for MePatch {
    fn validate(&self, errors: &mut FieldErrors) {
        for (field, name) in [("first_name", &self.first_name), ("last_name", &self.last_name)] {
            text::check_line(errors, field, name.iter().flatten().next().map_or("", String::as_str), 0, 64);
        }
        if let Some(Some(bio)) = &self.bio {
            text::check_lines(errors, "bio", bio, 0, 500);
        }
    }
}

/// Answers one's own profile.
#[utoipa::path(get, path = "/auth/me", tag = "users", security(("bearer" = [])), responses(
    (status = 200, description = "The profile", body = MeOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.0.id))]
pub(crate) async fn get_me(me: Me) -> Json<MeOut> {
    Json(me.0.into())
}

/// Changes one's own profile. The username never changes.
#[utoipa::path(patch, path = "/auth/me", tag = "users", security(("bearer" = [])), request_body = MePatch, responses(
    (status = 200, description = "The profile as it is now", body = MeOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.0.id))]
pub(crate) async fn update_me(
    State(state): State<AppState>,
    me: Me,
    ValidJson(patch): ValidJson<MePatch>,
) -> Result<Json<MeOut>, ApiError> {
    let mut tx = state.db.begin().await?;
    let user = users::lock(&*tx, me.0.user_id()).await?.ok_or(AuthError::SessionEnded)?;
    let bio = patch.bio.map(|bio| bio.map(String::from));
    let texts = [(patch.first_name, &user.first_name), (patch.last_name, &user.last_name), (bio, &user.bio)];
    let texts = texts.map(|(new, old)| new.unwrap_or_else(|| old.clone()));
    if texts == [user.first_name.clone(), user.last_name.clone(), user.bio.clone()] {
        return Ok(Json(user.into()));
    }
    let changed = users::update_profile(&*tx, user.user_id(), texts, state.clock.now()).await?;
    let changed = changed.ok_or(AuthError::Blocked)?;
    events::publish(&mut tx, &[UserState::from(changed.clone())])?;
    tx.commit().await?;
    Ok(Json(changed.into()))
}
