//! Ids of other services' aggregates.

shared::id_type! {
    /// A post.
    PostId
}
