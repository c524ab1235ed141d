//! The streams that this service publishes, a file per stream: the state, which is the contract with other services,
//! and the source, which reads states for resyncs and comparisons. `consumers/` has the streams that it consumes.

pub(crate) mod comment;
pub(crate) mod erasure_done;
pub(crate) mod like;
pub(crate) mod post;
pub(crate) mod post_counts;

use shared::auth::{ended_sessions, personal_blocks};
use shared::erasure;
use shared::events::Streams;

use crate::db::entities::{bookmarks, comments, counts, likes, pictures, posts, recounts, users};

/// Adds every stream that this service owns, and the columns that a restore from a backup has to raise or to look at:
/// versions, ids that this service assigns, and ids of other streams.
pub(crate) fn register(streams: Streams) -> Streams {
    erasure::register::<erasure_done::ErasureDone>(streams)
        .source(post::PostSource)
        .source(post_counts::CountsSource)
        .source(comment::CommentSource)
        .source(like::LikeSource)
        .versions(posts::Column::Version)
        .versions(counts::Column::Version)
        .versions(comments::Column::Version)
        .versions(likes::Column::Version)
        .sequence("post", posts::Column::Id)
        .sequence("comment", comments::Column::Id)
        .references("user", posts::Column::AuthorId)
        .references("user", pictures::Column::OwnerId)
        .references("user", comments::Column::AuthorId)
        .references("user", comments::Column::PostAuthorId)
        .references("user", likes::Column::UserId)
        .references("user", likes::Column::PostAuthorId)
        .references("user", bookmarks::Column::UserId)
        .references("user", users::Column::Id)
        .references("session_end", ended_sessions::Column::Id)
        .references("user", personal_blocks::Column::UserId)
        .references("user", personal_blocks::Column::BlockedId)
        .references("user", recounts::Column::UserId)
}
