//! The errors of this service and the problem document that each becomes for the client.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::PublishError;

use crate::domain::target::Kind;

/// The seconds after which somebody with too many open reports may try again. Admins are people, so it is an hour.
const RETRY_REPORT_AFTER: u64 = 3_600;

/// The reason why a request failed. The texts of the variants that are not transparent are the sentences that clients
/// read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} not found", .0.title())]
    NotFound(Kind),
    #[error("must be somebody else: nobody blocks themselves")]
    Oneself,
    #[error("must be of somebody else: nobody reports themselves")]
    OwnTarget(Kind),
    #[error("You have 100 open reports; send more when admins have dealt with some")]
    TooManyReports,
    #[error("Another admin has decided about it meanwhile; look again")]
    Changed,
    #[error("Case {0} not found")]
    CaseNotFound(i64),
    #[error("Case {0} has changed meanwhile; look again")]
    CaseChanged(i64),
    #[error("Case {0} is resolved already")]
    CaseResolved(i64),
    #[error("Case {0} has no resolution that could be undone")]
    NothingToUndo(i64),
    #[error("must not be remove: a person is blocked, not removed")]
    NotRemovable,
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
            Error::OwnTarget(kind) => Self::invalid_field(&format!("{}_id", kind.as_str()), text),
            Error::TooManyReports => Self::too_many("too_many_reports", text, RETRY_REPORT_AFTER),
            Error::Changed | Error::CaseChanged(_) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", text)
            }
            Error::CaseNotFound(_) => Self::not_found(text),
            Error::CaseResolved(_) => Self::conflict("already_resolved", text),
            Error::NothingToUndo(_) => Self::conflict("nothing_to_undo", text),
            Error::NotRemovable => Self::invalid_field("action", text),
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
