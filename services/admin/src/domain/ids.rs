//! The ids of posts and comments, which admins decide about, and of cases.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A comment.
    CommentId
}

shared::id_type! {
    /// A case: all reports of one target.
    CaseId
}
