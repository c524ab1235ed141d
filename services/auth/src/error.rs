//! What can go wrong in auth, and what the client is told.

use axum::http::StatusCode;
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::outbox::PublishError;

/// A failed request.
#[derive(Debug)]
pub(crate) enum AuthError {
    /// Somebody has this username.
    UsernameTaken,
    /// No such person, or another password.
    InvalidCredentials,
    /// The password is right, but the address is not verified.
    NotVerified,
    /// The account is blocked; said only to its owner.
    Blocked,
    /// The token is of a session that has been ended.
    SessionEnded,
    /// The refresh token is unknown, expired, used or revoked.
    BadRefreshToken,
    /// The verification link is unknown, replaced or expired.
    BadLink,
    /// No visible person has this id.
    UserNotFound,
    /// The new password is guessed too soon; the rule that it breaks.
    WeakPassword(&'static str),
    /// Too many passwords wait to be checked.
    Busy,
    /// Too many people wait to be verified.
    TooManyApplicants,
    /// Anything else.
    Failed(ApiError),
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let unauthorized = |code, detail| Self::new(StatusCode::UNAUTHORIZED, code, detail);
        let forbidden = |code, detail| Self::new(StatusCode::FORBIDDEN, code, detail);
        match error {
            AuthError::UsernameTaken => Self::conflict("username_taken", "Username already registered"),
            AuthError::InvalidCredentials => unauthorized("invalid_credentials", "Invalid credentials"),
            AuthError::NotVerified => forbidden("account_not_verified", "Account not verified"),
            AuthError::Blocked => forbidden("account_blocked", "Account blocked"),
            AuthError::SessionEnded => Self::unauthorized("The session has ended, log in again"),
            AuthError::BadRefreshToken => unauthorized("invalid_refresh_token", "The refresh token is not valid"),
            AuthError::BadLink => Self::not_found("Verification link is invalid or expired"),
            AuthError::UserNotFound => Self::not_found("User not found"),
            AuthError::WeakPassword(rule) => Self::invalid_field("password", rule),
            AuthError::Busy => Self::unavailable("busy", "Too many people are logging in, try again in a moment"),
            AuthError::TooManyApplicants => Self::unavailable(
                "too_many_registrations",
                "Too many people have registered without confirming their address, try again later",
            ),
            AuthError::Failed(error) => error,
        }
    }
}

impl From<ApiError> for AuthError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<DbErr> for AuthError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for AuthError {
    fn from(error: CommitError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PublishError> for AuthError {
    fn from(error: PublishError) -> Self {
        Self::Failed(error.into())
    }
}
