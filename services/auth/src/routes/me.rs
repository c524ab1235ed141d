//! The profile of the person who asks.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer};
use shared::error::{FieldErrors, Problem};
use shared::http::{ValidJson, Validate};
use shared::text::{self, Lines};
use utoipa::ToSchema;

use super::me_extract::ScopedMe;
use crate::actions::{self, ProfileChanges};
use crate::answers::MeOut;
use crate::error::Error;
use crate::state::AppState;

/// What changes. A field that is absent stays; `null` clears it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatch {
    #[serde(default, deserialize_with = "deserialize_present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_present")]
    #[schema(value_type = Option<String>, max_length = 500, example = "I keep bees")]
    bio: Option<Option<Lines>>,
    /// True to get a mail, once a day at most, when something has happened that I have not seen.
    #[serde(default, deserialize_with = "deserialize_given")]
    #[schema(value_type = bool, required = false)]
    mail_digest: Option<bool>,
}

/// Distinguishes `null`, which clears a field, from an absent field, which keeps it.
fn deserialize_present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Refuses `null`, which means nothing for a switch.
fn deserialize_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
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
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_me(ScopedMe { me, scopes }: ScopedMe) -> Json<MeOut> {
    Json(MeOut::of(me.user, scopes))
}

/// Changes one's own profile. The username never changes.
#[utoipa::path(patch, path = "/auth/me", tag = "users", security(("bearer" = [])), request_body = MePatch, responses(
    (status = 200, description = "The profile as it is now", body = MeOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn update_me(
    State(s): State<AppState>,
    ScopedMe { me, scopes }: ScopedMe,
    ValidJson(patch): ValidJson<MePatch>,
) -> Result<Json<MeOut>, Error> {
    let bio = patch.bio.map(|bio| bio.map(String::from));
    let changes = ProfileChanges { first_name: patch.first_name, last_name: patch.last_name, bio };
    let mut user = actions::update_profile(&s.db, me.user.user_id(), changes).await?;
    if let Some(is_on) = patch.mail_digest {
        user = actions::set_digest(&s.db, user.user_id(), is_on).await?;
    }
    Ok(Json(MeOut::of(user, scopes)))
}
