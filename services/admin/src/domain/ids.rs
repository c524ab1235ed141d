//! The ids of posts and comments, which admins decide about.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A comment.
    CommentId
}
