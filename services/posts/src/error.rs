//! The failures of this service, and the answer that a client gets to each.
//!
//! The text of a variant is the `detail` of its answer, or of the field in it that is wrong. Failures of the database,
//! of the media store and of publishing are the exceptions: their texts go to the log and never to the client.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::PublishError;

use crate::domain::image::ImageError;
use crate::domain::threads::ReplyError;

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// 404: the post does not exist or is not visible.
    #[error("Post not found")]
    PostNotFound,
    /// 404: the comment does not exist on this post, or is not visible.
    #[error("Comment not found")]
    CommentNotFound,
    /// 404: the like that should be taken back is not active.
    #[error("Like not found")]
    LikeNotFound,
    /// 404: there is no bookmark that could be removed.
    #[error("Bookmark not found")]
    BookmarkNotFound,
    /// 404: the person is not known here, or is blocked or erased.
    #[error("User not found")]
    UserNotFound,
    /// 404: no text can have such a hashtag.
    #[error("Tag not found")]
    TagNotFound,
    /// 404: no visible post has this picture, or the media store does not have its file.
    #[error("Image not found")]
    ImageNotFound,
    /// 404: the person has chosen no avatar.
    #[error("Avatar not found")]
    AvatarNotFound,
    /// 403: somebody else's avatar cannot be chosen or removed.
    #[error("Only the person may do this")]
    NotYourAvatar,
    /// 403: the post or the comment is visible, and somebody else wrote it.
    #[error("Only the author may do this")]
    NotTheAuthor,
    /// 422: the comment that is answered cannot be answered.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// 412: the current version does not meet the conditions of the request.
    #[error("The post has changed since")]
    VersionMismatch,
    /// 412, as above.
    #[error("The avatar is another one")]
    AvatarChanged,
    /// 412, as above.
    #[error("The feed has changed since")]
    FeedChanged,
    /// 429: the person's pictures of the last 24 hours have reached the limit.
    #[error("A person may post 100 pictures a day")]
    TooManyPictures,
    /// 416: the requested range holds no byte of the file. The field is the file's size in bytes.
    #[error("The picture has only {0} bytes")]
    RangeNotSatisfiable(u64),
    /// 503: there is not enough memory or time for another upload. Nothing was stored.
    #[error("Too many pictures are being sent or wait to be read, nothing was stored")]
    TooManyUploads,
    /// 422: a picture that a post should get is none of the person's, or a post has it already.
    #[error("must be pictures that you have sent and that no other post has")]
    PictureNotFree,
    /// 413, 415 or 422: the picture is not accepted.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// 503: the media store failed.
    #[error("the media store failed: {0}")]
    Media(#[from] object_store::Error),
    /// A statement failed; `shared` decides between 503 and 500.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// A commit was refused, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The states could not be published, so the transaction was rolled back.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A failure that has its status and its text already, mostly one of `shared`.
    #[error(transparent)]
    Request(#[from] ApiError),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::PostNotFound
            | Error::CommentNotFound
            | Error::LikeNotFound
            | Error::BookmarkNotFound
            | Error::UserNotFound
            | Error::TagNotFound
            | Error::ImageNotFound
            | Error::AvatarNotFound => Self::not_found(text),
            Error::Reply(_) => Self::invalid_field("reply_to", text),
            Error::NotTheAuthor | Error::NotYourAvatar => Self::forbidden(text),
            Error::VersionMismatch | Error::AvatarChanged | Error::FeedChanged => {
                Self::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", text)
            }
            Error::PictureNotFree => Self::invalid_field("images", text),
            Error::TooManyPictures => Self::too_many("too_many_pictures", text, 3_600),
            Error::Image(ImageError::TooLarge) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "image_too_large", text),
            Error::Image(ImageError::NotAnImage | ImageError::Heif) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_an_image", text)
            }
            Error::Image(
                ImageError::TooManyPixels | ImageError::Animated | ImageError::ForPrint | ImageError::HighDynamicRange,
            ) => Self::invalid_field("image", text),
            Error::Image(ImageError::Broken(cause)) => Self::invalid_field("image", text).caused_by(cause),
            Error::RangeNotSatisfiable(size) => {
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", text)
                    .with_header(header::CONTENT_RANGE, format!("bytes */{size}"))
            }
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
