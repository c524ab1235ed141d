//! The OAuth 2.0 token endpoint (RFC 6749) with the grants `password`, `refresh_token` and `authorization_code`, and
//! the revocation of tokens (RFC 7009). Requests are forms and errors have OAuth's form, so that every OAuth client can
//! use the routes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use shared::auth::verify;
use shared::error::{ApiError, Problem};
use shared::http::RemoteClient;
use utoipa::ToSchema;

use super::not_stored::NOT_STORED;
use super::oauth_form::Form;
use crate::actions::{self, Exchange, Login};
use crate::answers::{TokenError, TokenOut};
use crate::domain::oauth;
use crate::error::Error;
use crate::state::AppState;

/// The form, as it is described; it is read by hand, because unknown fields must be ignored and double ones refused.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct TokenIn {
    /// `authorization_code`, `refresh_token`, or `password` for Chatty's own login.
    #[schema(value_type = GrantName)]
    grant_type: String,
    /// For `password`.
    #[schema(value_type = String, required = false, max_length = 1536, example = "ann")]
    username: Option<String>,
    /// For `password`.
    #[schema(value_type = String, required = false, max_length = 1536, format = Password, example = "a horse, a boat, a lamp")]
    password: Option<String>,
    /// For `refresh_token`.
    #[schema(value_type = String, required = false, max_length = 1536)]
    refresh_token: Option<String>,
    /// For `authorization_code`.
    #[schema(value_type = String, required = false, max_length = 1536)]
    code: Option<String>,
    /// For `authorization_code`: the address to which the code was sent.
    #[schema(value_type = String, required = false, max_length = 1536)]
    redirect_uri: Option<String>,
    /// For `authorization_code`.
    #[schema(value_type = String, required = false, max_length = 1536)]
    client_id: Option<String>,
    /// For `authorization_code`: the verifier of RFC 7636.
    #[schema(value_type = String, required = false, max_length = 1536)]
    code_verifier: Option<String>,
}

/// The names of the grants.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described")]
pub(crate) enum GrantName {
    Password,
    RefreshToken,
    AuthorizationCode,
}

/// The form of a revocation.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct RevokeIn {
    /// An access token or a refresh token.
    #[schema(min_length = 1, max_length = 1536)]
    token: String,
}

/// A refusal. Errors of the client have OAuth's form. Failures of this service have the form of all other routes (RFC
/// 9457).
enum Refused {
    OAuth(TokenError),
    /// The password is right, and a second factor is needed. Holds the challenge, and the factors that the person has.
    SecondFactor(SecretString, Vec<&'static str>),
    Problem(ApiError),
}

fn refused(error: &'static str, error_description: &'static str) -> Refused {
    Refused::OAuth(TokenError::new(error, error_description))
}

impl From<TokenError> for Refused {
    fn from(error: TokenError) -> Self {
        Self::OAuth(error)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => refused("invalid_grant", "Invalid credentials"),
            Error::SecondFactorRequired { challenge, factors } => Self::SecondFactor(challenge, factors),
            Error::NotVerified => refused("invalid_grant", "Account not verified"),
            Error::AwaitsApproval => refused("invalid_grant", "Your application waits for an administrator"),
            Error::Blocked => refused("invalid_grant", "Account blocked"),
            Error::BadRefreshToken | Error::SessionEnded => refused("invalid_grant", "The refresh token is not valid"),
            Error::BadCode => refused("invalid_grant", "The code is not valid, or does not belong to this client"),
            Error::UsernameTaken
            | Error::ClientNotFound
            | Error::TooManyClients
            | Error::FirstPartyOnly
            | Error::BadLink
            | Error::BadEmailLink
            | Error::BadReset
            | Error::SessionNotFound
            | Error::WrongPassword
            | Error::BadChallenge
            | Error::WrongCode
            | Error::TwoFactorOn
            | Error::TwoFactorOff
            | Error::NoApp
            | Error::PasskeysNeedDomain
            | Error::BadPasskey
            | Error::BadCeremony
            | Error::PasskeyKnown
            | Error::TooManyPasskeys
            | Error::PasskeyNotFound
            | Error::RegistrationClosed
            | Error::NotAccepted { .. }
            | Error::NoMoreInvitations
            | Error::InvitationNotFound
            | Error::ApplicantNotFound
            | Error::TooManyTries(_)
            | Error::UserNotFound
            | Error::ExportNotFound
            | Error::DigestNotFound
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
            Self::SecondFactor(challenge, factors) => {
                let text = "Send the challenge with a code to /auth/login/second-factor";
                let error = TokenError::new("second_factor_required", text);
                let error = error.with_challenge(challenge.expose_secret(), factors);
                let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, NOT_STORED, challenge, Json(error)).into_response()
            }
            Self::Problem(error) => error.into_response(),
        }
    }
}

/// Gives tokens to OAuth clients.
#[utoipa::path(post, path = "/auth/token", tag = "auth",
    request_body(content = TokenIn, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = TokenOut),
        (status = 400, description = "An OAuth error", body = TokenError),
        (status = 401, description = "A second factor is required", body = TokenError, headers(
            ("WWW-Authenticate" = String, description = "The scheme `Bearer` (RFC 6750)")
        )),
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
    let form = Form::of_body(headers, body).await?;
    let pair = match form.get("grant_type")? {
        "password" => {
            let (username, password) = (form.get("username")?, form.get("password")?);
            let login = Login { client, username, password };
            actions::log_in(&s.db, &s.hasher, &s.signer, s.limits_logins, login).await?
        }
        "refresh_token" => actions::rotate_session(&s.db, &s.signer, client, form.get("refresh_token")?).await?,
        "authorization_code" => {
            let exchange = Exchange {
                code: form.get("code")?,
                client_id: form.get("client_id")?,
                redirect_uri: form.get("redirect_uri")?,
                code_verifier: form.get("code_verifier")?,
            };
            if !oauth::is_verifier(exchange.code_verifier) {
                return Err(refused("invalid_request", "A code_verifier has 43 to 128 unreserved characters"));
            }
            actions::exchange_code(&s.db, &s.signer, client, exchange).await?
        }
        _ => return Err(refused("unsupported_grant_type", "Use authorization_code, refresh_token or password")),
    };
    Ok((NOT_STORED, Json(TokenOut::from(pair))).into_response())
}

/// Ends the session of a token, whichever of the two it is (RFC 7009). A token that is unknown or has expired is no
/// error: nobody can use it.
#[utoipa::path(post, path = "/auth/revoke", tag = "auth",
    request_body(content = RevokeIn, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is not valid any more"),
        (status = 400, description = "An OAuth error", body = TokenError),
    )
)]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn revoke_token(State(s): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    revoke(&s, &parts.headers, body).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

async fn revoke(s: &AppState, headers: &HeaderMap, body: Body) -> Result<StatusCode, Refused> {
    let form = Form::of_body(headers, body).await?;
    let token = form.get("token")?;
    match verify(&s.auth.keys, &s.auth.clock, token).await {
        Ok(claims) => actions::end_session_by_id(&s.db, claims.sid).await?,
        // The token is not a valid access token, so it may be a refresh token.
        Err(_not_valid) => actions::end_session(&s.db, token).await?,
    }
    Ok(StatusCode::OK)
}
