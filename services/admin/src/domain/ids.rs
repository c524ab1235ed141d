//! Ids of what decisions are about.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A comment.
    CommentId
}
