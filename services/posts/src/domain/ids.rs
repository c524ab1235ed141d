//! The ids that this service assigns. Ids of users come from auth, see `shared::ids::UserId`.

shared::id_type! {
    /// A post.
    PostId
}

shared::id_type! {
    /// A picture, within this service.
    PictureId
}

shared::id_type! {
    /// A comment.
    CommentId
}
