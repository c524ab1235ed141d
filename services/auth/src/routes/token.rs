//! The OAuth 2.0 token endpoint (RFC 6749), with the grants `password` and `refresh_token`. Its requests are forms and
//! its errors have OAuth's form, so that every OAuth client can use it.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use shared::error::{ApiError, Problem};
use shared::http::RemoteClient;
use utoipa::ToSchema;

use super::not_stored::NOT_STORED;
use crate::actions::{self, Login};
use crate::answers::{TokenError, TokenOut};
use crate::error::Error;
use crate::state::AppState;

/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;
/// The largest value of a field, in bytes. The longest password has 128 characters, and some keyboards send nine bytes
/// for a character.
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

/// A refusal. Errors of the client have OAuth's form; failures on our side are problems, as everywhere.
enum Refused {
    OAuth(TokenError),
    /// The password was right. Holds the challenge for the second factor.
    SecondFactor(SecretString),
    Problem(ApiError),
}

fn refused(error: &'static str, error_description: &'static str) -> Refused {
    Refused::OAuth(TokenError::new(error, error_description))
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => refused("invalid_grant", "Invalid credentials"),
            Error::SecondFactorRequired(challenge) => Self::SecondFactor(challenge),
            Error::NotVerified => refused("invalid_grant", "Account not verified"),
            Error::Blocked => refused("invalid_grant", "Account blocked"),
            Error::BadRefreshToken | Error::SessionEnded => refused("invalid_grant", "The refresh token is not valid"),
            Error::UsernameTaken
            | Error::BadLink
            | Error::BadEmailLink
            | Error::BadReset
            | Error::SessionNotFound
            | Error::WrongPassword
            | Error::BadChallenge
            | Error::WrongCode
            | Error::TwoFactorOn
            | Error::NoApp
            | Error::TooManyTries(_)
            | Error::UserNotFound
            | Error::ReceiptNotFound
            | Error::WeakPassword(_)
            | Error::Busy
            | Error::TooManyApplicants
            | Error::Db(_)
            | Error::Commit(_)
            | Error::Publish(_)
            | Error::Request(_) => Self::Problem(error.into()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => (StatusCode::BAD_REQUEST, NOT_STORED, Json(error)).into_response(),
            Self::SecondFactor(challenge) => {
                let text = "Send the challenge with a code to /auth/login/second-factor";
                let error = TokenError::new("second_factor_required", text).with_challenge(challenge.expose_secret());
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, NOT_STORED, challenge, Json(error)).into_response()
            }
            Self::Problem(error) => error.into_response(),
        }
    }
}

/// Answers OAuth clients: the password and `refresh_token` grants.
#[utoipa::path(post, path = "/auth/token", tag = "auth",
    request_body(content = TokenIn, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokenOut),
        (status = 400, description = "An OAuth error", body = TokenError),
        (status = 401, description = "A second factor is required", body = TokenError),
        (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn issue_token(State(s): State<AppState>, client: RemoteClient, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    grant(&s, &client, &parts.headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn grant(s: &AppState, client: &RemoteClient, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
    let form = Form::read(headers, body).await?;
    let pair = match form.get("grant_type")? {
        "password" => {
            let (username, password) = (form.get("username")?, form.get("password")?);
            let login = Login { client, username, password };
            actions::log_in(&s.db, &s.hasher, &s.signer, s.limits_logins, login).await?
        }
        "refresh_token" => actions::rotate_session(&s.db, &s.signer, client, form.get("refresh_token")?).await?,
        _ => return Err(refused("unsupported_grant_type", "Use password or refresh_token")),
    };
    Ok((NOT_STORED, Json(TokenOut::from(pair))).into_response())
}

/// The fields of a form, in their order.
struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
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

    /// The value of a field that must be there exactly once. An empty value counts as missing (RFC 6749, section 3.2).
    fn get(&self, name: &str) -> Result<&str, Refused> {
        // OAuth forbids to give a parameter twice, because two readers may take different ones for the value.
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
