//! The errors of this service and the problem document that each becomes for the client.

use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::PublishError;

use crate::domain::target::Kind;

/// The reason why a request failed. The texts of the variants that are not transparent are the sentences that clients
/// read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} not found", .0.title())]
    NotFound(Kind),
    #[error("must be somebody else: nobody blocks themselves")]
    Oneself,
    #[error(transparent)]
    Db(#[from] DbErr),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Request(#[from] ApiError),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NotFound(_) => Self::not_found(text),
            Error::Oneself => Self::invalid_field("id", text),
            Error::Db(error) => error.into(),
            Error::Commit(error) => error.into(),
            Error::Publish(error) => error.into(),
            Error::Request(error) => error,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
