//! The errors of this service and the problem document that each becomes for the client.

use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::error::ApiError;

/// The reason why a request failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// A query value that is not an integer.
    NotANumber { field: &'static str },
    /// A query value that is an integer outside of `1..=max`.
    OutOfRange { field: &'static str, max: u32 },
    /// A weighting that does not exist.
    UnknownWeighting,
    /// A fallback that does not exist.
    UnknownFallback,
    /// A post that does not exist or is not visible.
    PostNotFound,
    /// An error of `shared`, which has its status and its text already.
    Request(ApiError),
    /// A query failed.
    Db(DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotANumber { field } => Self::bad_request("bad_query", format!("{field} must be an integer")),
            Error::OutOfRange { field, max } => Self::invalid_field(field, format!("must be between 1 and {max}")),
            Error::UnknownWeighting => Self::invalid_field("weighting", "must be none or idf"),
            Error::UnknownFallback => Self::invalid_field("fallback", "must be none or popular"),
            Error::PostNotFound => Self::not_found("Post not found"),
            Error::Request(error) => error,
            Error::Db(error) => error.into(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
