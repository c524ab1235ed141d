//! Failures of pages: what the API has refused, and what could not be asked.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::ApiError;
use shared::http::PeerError;
use shared::problems;

/// The reason why a page cannot be shown.
#[derive(Debug)]
pub(crate) enum Error {
    /// The API refused.
    Refused(Box<Refusal>),
    /// A service cannot be reached.
    Away(PeerError),
    /// An answer of the API is not as it is described.
    Unreadable(String),
    /// The page is for people who are signed in.
    SignInFirst,
    /// The request makes no sense for pages.
    Bad(ApiError),
}

/// The answer of the API to a call that it refuses: a problem (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
    /// The HTTP status.
    #[serde(skip)]
    pub(crate) status: StatusCode,
    /// The code for programs.
    #[serde(default)]
    pub(crate) code: String,
    /// The sentence for people.
    #[serde(default)]
    pub(crate) detail: String,
    /// The fields that break a rule.
    #[serde(default)]
    pub(crate) errors: Vec<FieldError>,
    /// The time after which another try makes sense, in seconds.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
    /// The token that a second factor is shown with.
    pub(crate) challenge: Option<String>,
}

/// A field that breaks a rule.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FieldError {
    /// JSON pointer to the field, such as `/title`.
    pub(crate) pointer: String,
    /// The rule.
    pub(crate) detail: String,
}

/// The mark of an answer to somebody whose session is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The visitor has to sign in first. The frame around all pages knows the way back.
    SignIn,
    /// The account is blocked, as the page says.
    Blocked,
}

impl Error {
    /// Creates the failure about something that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::Bad(ApiError::not_found("There is nothing at this path"))
    }

    /// Returns whether the API refused with this status.
    pub(crate) fn is(&self, status: StatusCode) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }

    /// Returns whether a service is away or fails, and not the visitor.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status.is_server_error(),
            Self::Away(_) | Self::Unreadable(_) => true,
            Self::SignInFirst | Self::Bad(_) => false,
        }
    }

    /// Returns whether the API refused with this code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }
}

impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        Self::Away(error)
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Bad(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => (*refusal).into(),
            Error::Away(error) => {
                Self::unavailable("service_unavailable", "This part of Chatty is not available, try again later")
                    .caused_by(error)
            }
            Error::Unreadable(cause) => Self::internal(cause),
            Error::SignInFirst => Self::unauthorized("Sign in first"),
            Error::Bad(error) => error,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = problems::find(&refusal.code).map_or("internal_error", |kind| kind.code);
        let mut refusal = refusal;
        if let Some(first) = refusal.errors.first() {
            refusal.detail = format!("{}: {} {}", refusal.detail, first.pointer.trim_start_matches('/'), first.detail);
        }
        match refusal.retry_after {
            Some(seconds) if refusal.status == StatusCode::TOO_MANY_REQUESTS => {
                Self::too_many(code, refusal.detail, seconds)
            }
            Some(_) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(code, refusal.detail),
            _ => Self::new(refusal.status, code, refusal.detail),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let needs_sign_in = matches!(self, Self::SignInFirst) || self.is(StatusCode::UNAUTHORIZED);
        let is_blocked = self.has_code("account_blocked");
        let mut response = ApiError::from(self).into_response();
        if needs_sign_in {
            response.extensions_mut().insert(SessionEnd::SignIn);
        } else if is_blocked {
            response.extensions_mut().insert(SessionEnd::Blocked);
        }
        response
    }
}
