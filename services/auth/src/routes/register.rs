//! Registration: the checks of the form, and its answer.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use super::two_factor::check_length;
use crate::actions::{self, Applicant};
use crate::answers::{MessageOut, RegistrationOut};
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
    /// The code of an invitation. It is needed where `GET /auth/registration` says `invite`, and ignored elsewhere.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    invitation: Option<String>,
    /// Why one would like to join, for the administrator who decides. It is needed where `GET /auth/registration` says
    /// `approval`, and ignored elsewhere.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    application: Option<String>,
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
        if let Some(code) = &self.invitation {
            check_length(errors, "invitation", code);
        }
        if let Some(application) = &self.application {
            text::check_line(errors, "application", application, 1, 500);
        }
    }
}

/// Registers somebody and sends the verification link by mail.
///
/// A known e-mail address is not revealed: the answer is the same, and the address's owner gets a mail.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = RegisterIn, params(IdempotencyKey), responses(
    (status = 201, description = "Registered, or the address is known", body = MessageOut),
    (status = 403, description = "Registration is closed", body = Problem, content_type = "application/problem+json"),
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
    let welcome = MessageOut::new(format!("User {username} registered, check your email"));
    let applicant = Applicant {
        username,
        email: new.email,
        password: new.password,
        first_name: new.first_name,
        last_name: new.last_name,
        invitation: new.invitation,
        application: new.application,
    };
    actions::register(&s.db, &s.hasher, &s.mails, &s.joining, key, applicant, &welcome).await
}

/// Tells how people join, so that a client shows the right form.
#[utoipa::path(get, path = "/auth/registration", tag = "auth", responses(
    (status = 200, description = "The way to join", body = RegistrationOut),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_registration(State(s): State<AppState>) -> Json<RegistrationOut> {
    Json(RegistrationOut { registration: s.joining.registration.as_str() })
}
