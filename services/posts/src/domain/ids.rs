//! Ids that this service gives out.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A comment.
    CommentId
}
