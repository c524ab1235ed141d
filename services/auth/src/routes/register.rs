//! Registration: the checks of the form, and its answer.

use axum::extract::State;
use serde::Deserialize;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use crate::actions::{self, Applicant};
use crate::answers::MessageOut;
use crate::domain::{Username, email, password};
use crate::error::Error;
use crate::state::AppState;

/// Somebody who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterIn {
    /// 3 to 32 of letters, digits, `_`, `.`, `-`; unique without regard to case.
    #[schema(example = "ann", min_length = 3, max_length = 32)]
    username: String,
    /// Where the verification link is sent.
    #[schema(example = "ann@example.org", format = Email, max_length = 254)]
    email: String,
    /// 8 to 128 characters.
    #[schema(example = "a horse, a boat, a lamp", format = Password, min_length = 8, max_length = 128)]
    password: String,
    #[serde(default)]
    #[schema(max_length = 64)]
    first_name: Option<String>,
    #[serde(default)]
    #[schema(max_length = 64)]
    last_name: Option<String>,
}

impl Validate for RegisterIn {
    fn validate(&self, errors: &mut FieldErrors) {
        match Username::parse(&self.username) {
            Ok(username) if username.is_reserved() => errors.add("username", "is reserved"),
            Ok(_) => {}
            Err(rule) => errors.add("username", rule),
        }
        if let Err(rule) = email::check(&self.email) {
            errors.add("email", rule);
        }
        if let Err(rule) = password::check(&self.password, &self.username, &self.email) {
            errors.add("password", rule);
        }
        for (field, name) in [("first_name", &self.first_name), ("last_name", &self.last_name)] {
            text::check_line(errors, field, name.as_deref().unwrap_or_default(), 0, 64);
        }
    }
}

/// Registers somebody and sends the verification link by mail.
///
/// A known e-mail address is not revealed: the answer is the same, and the address's owner gets a mail.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = RegisterIn, params(IdempotencyKey), responses(
    (status = 201, description = "Registered, or the address is known", body = MessageOut),
    (status = 409, description = "The username is taken", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn register(
    State(s): State<AppState>,
    key: IdempotencyKey,
    ValidJson(new): ValidJson<RegisterIn>,
) -> Result<Answer, Error> {
    let username = Username::parse(&new.username).map_err(|rule| ApiError::invalid_field("username", rule))?;
    let (email, password, first_name, last_name) = (new.email, new.password, new.first_name, new.last_name);
    let welcome = MessageOut::new(format!("User {username} registered, check your email"));
    let applicant = Applicant { username, email, password, first_name, last_name };
    actions::register(&s.db, &s.hasher, &s.mails, key, applicant, &welcome).await
}
