//! Ids of other services' aggregates.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A comment.
    CommentId
}
