//! Threads: comments that answer comments.

/// The number of comments from the top of a thread to its deepest answer.
pub(crate) const MAX_DEPTH: i64 = 8;

/// The reason why a comment cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplyError {
    /// The comment does not exist on this post, or is not visible.
    #[error("must be a comment on this post that is still there")]
    NotFound,
    /// The comment is as deep as comments may be.
    #[error("is 8 comments deep, which nobody can answer: answer the comment above it")]
    TooDeep,
}
