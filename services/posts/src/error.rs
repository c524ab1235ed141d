//! Everything that can go wrong here, and what the client is told.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::outbox::PublishError;

use crate::domain::image::ImageError;

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("Post not found")]
    PostNotFound,
    #[error("Comment not found")]
    CommentNotFound,
    #[error("Like not found")]
    LikeNotFound,
    #[error("Image not found")]
    ImageNotFound,
    #[error("Only the author may do this")]
    NotTheAuthor,
    #[error("The post has changed since")]
    VersionMismatch,
    #[error("A person may post 100 pictures a day")]
    TooManyPictures,
    #[error("The picture has only {0} bytes")]
    OutOfReach(u64),
    #[error("Too many pictures are being sent or wait to be read, nothing was stored")]
    TooManyUploads,
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("the media store failed: {0}")]
    Media(#[from] object_store::Error),
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
            Error::PostNotFound | Error::CommentNotFound | Error::LikeNotFound | Error::ImageNotFound => {
                Self::not_found(text)
            }
            Error::NotTheAuthor => Self::forbidden(text),
            Error::VersionMismatch => Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", text),
            Error::TooManyPictures => Self::too_many("too_many_pictures", text, 3_600),
            Error::Image(ImageError::TooLarge) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "image_too_large", text),
            Error::Image(ImageError::NotAnImage) => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_an_image", text),
            Error::Image(
                ImageError::TooManyPixels | ImageError::Animated | ImageError::ForPrint | ImageError::HighDynamicRange,
            ) => Self::invalid_field("image", text),
            Error::Image(ImageError::Broken(cause)) => Self::invalid_field("image", text).caused_by(cause),
            Error::OutOfReach(size) => Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", text)
                .with_header(header::CONTENT_RANGE, format!("bytes */{size}")),
            Error::TooManyUploads => Self::unavailable("busy", text),
            Error::Media(error) => {
                Self::unavailable("media_unavailable", "The picture cannot be stored or read now").caused_by(error)
            }
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
