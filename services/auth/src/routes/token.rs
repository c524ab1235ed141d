//! The OAuth 2.0 token endpoint (RFC 6749): password and `refresh_token` grants. Its errors have OAuth's form.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::error::{ApiError, Problem};
use utoipa::ToSchema;

use super::NOT_STORED;
use crate::error::AuthError;
use crate::signer::LIFETIME;
use crate::state::AppState;
use crate::{login, sessions};

/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;
/// Longer values cannot be right, and are not looked at: in bytes, of which some keyboards send nine for a syllable.
const MAX_VALUE: usize = 1_536;

/// The form, as it is described; it is read by hand, because unknown fields must be ignored and double ones refused.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct TokenIn {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: String,
    /// For `password`.
    username: Option<String>,
    /// For `password`.
    password: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
}

/// Tokens, in OAuth's form.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenOut {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 600)]
    expires_in: u64,
    refresh_token: String,
}

/// An error, in OAuth's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenError {
    /// The code.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What happened, for people.
    error_description: &'static str,
}

/// Why there is no token: in OAuth's form, or as a problem when it is not the client's fault.
enum Refused {
    OAuth(TokenError),
    Api(ApiError),
}

fn refused(error: &'static str, error_description: &'static str) -> Refused {
    Refused::OAuth(TokenError { error, error_description })
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::InvalidCredentials => refused("invalid_grant", "Invalid credentials"),
            AuthError::NotVerified => refused("invalid_grant", "Account not verified"),
            AuthError::Blocked => refused("invalid_grant", "Account blocked"),
            AuthError::BadRefreshToken | AuthError::SessionEnded => {
                refused("invalid_grant", "The refresh token is not valid")
            }
            AuthError::UsernameTaken
            | AuthError::BadLink
            | AuthError::UserNotFound
            | AuthError::WeakPassword(_)
            | AuthError::Busy
            | AuthError::TooManyApplicants
            | AuthError::Failed(_) => Self::Api(error.into()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => (StatusCode::BAD_REQUEST, NOT_STORED, Json(error)).into_response(),
            Self::Api(error) => error.into_response(),
        }
    }
}

/// Answers OAuth clients: the password and `refresh_token` grants.
#[utoipa::path(post, path = "/auth/token", tag = "auth",
    request_body(content = TokenIn, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokenOut),
        (status = 400, description = "An OAuth error", body = TokenError),
        (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn issue_token(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    grant(&state, &parts.headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn grant(state: &AppState, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let form = Form::read(headers, body).await?;
    let pair = match form.get("grant_type")? {
        "password" => login::by_password(state, form.get("username")?, form.get("password")?).await?,
        "refresh_token" => sessions::rotate(state, form.get("refresh_token")?).await?,
        _ => return Err(refused("unsupported_grant_type", "Use password or refresh_token")),
    };
    let out = TokenOut {
        access_token: pair.access_token,
        token_type: "Bearer",
        expires_in: LIFETIME.as_secs(),
        refresh_token: pair.refresh_token,
    };
    Ok((NOT_STORED, Json(out)).into_response())
}

struct Form(Vec<(String, String)>);

impl Form {
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Refused> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(refused("invalid_request", "The body must be application/x-www-form-urlencoded"));
        }
        let bytes = to_bytes(body, MAX_FORM).await;
        let bytes =
            bytes.map_err(|_too_large| refused("invalid_request", "The body could not be read, or is too large"))?;
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// A field that must be there once. An empty one counts as missing (RFC 6749, section 3.2).
    fn get(&self, name: &str) -> Result<&str, Refused> {
        let mut values =
            self.0.iter().filter(|(field, value)| field == name && !value.is_empty()).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) if value.len() <= MAX_VALUE => Ok(value),
            (Some(_), None) => Err(refused("invalid_request", "A field is too long")),
            (Some(_), Some(_)) => Err(refused("invalid_request", "A field is given twice")),
            (None, _) => Err(refused("invalid_request", "A required field is missing")),
        }
    }
}
