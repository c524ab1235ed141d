//! The id of a post.

shared::id_type! {
    /// A post.
    PostId
}
