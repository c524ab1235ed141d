//! The errors of this service and the problem document that each becomes for the client.

use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use shared::db::CommitError;
use shared::error::ApiError;
use shared::events::PublishError;

/// The reason why a request failed. The texts of the variants that are not transparent are the sentences that clients
/// read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("User not found")]
    UserNotFound,
    #[error("Subscription not found")]
    SubscriptionNotFound,
    #[error("Already subscribed")]
    AlreadySubscribed,
    #[error("must be somebody else: nobody follows themselves")]
    Oneself,
    #[error("must be somebody else: nobody mutes themselves")]
    MutesOneself,
    #[error("Mute not found")]
    MuteNotFound,
    #[error("A person can mute 10 000 people")]
    TooManyMutes,
    #[error("must be somebody else: nobody blocks themselves")]
    BlocksOneself,
    #[error("Block not found")]
    BlockNotFound,
    #[error("A person can block 10 000 people")]
    TooManyBlocks,
    #[error("You block this person: end the block before you follow")]
    Blocks,
    #[error("Too many streams are open already; close one first")]
    TooManyStreams,
    #[error("No stream can be opened now, try again later")]
    StreamsUnavailable,
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
            Error::UserNotFound | Error::SubscriptionNotFound | Error::MuteNotFound | Error::BlockNotFound => {
                Self::not_found(text)
            }
            Error::AlreadySubscribed => Self::conflict("already_subscribed", text),
            Error::TooManyMutes => Self::conflict("too_many_mutes", text),
            Error::TooManyBlocks => Self::conflict("too_many_blocks", text),
            Error::Blocks => Self::conflict("blocks_person", text),
            Error::TooManyStreams => Self::too_many("too_many_streams", text, 10),
            Error::StreamsUnavailable => Self::unavailable("streams_unavailable", text),
            Error::MutesOneself | Error::BlocksOneself => Self::invalid_field("id", text),
            Error::Oneself => Self::invalid_field("user_id", text),
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
