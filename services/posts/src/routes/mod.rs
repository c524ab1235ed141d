//! Handlers, a file per resource.

pub(crate) mod comments;
pub(crate) mod likes;
pub(crate) mod media;
pub(crate) mod posts;
pub(crate) mod sent;

use serde::Serialize;
use shared::ids::UserId;
use utoipa::ToSchema;

/// An answer that is a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// What happened.
    pub(crate) message: &'static str,
}

/// Who wrote something.
#[derive(Serialize, ToSchema)]
pub(crate) struct Author {
    /// The person.
    pub(crate) id: UserId,
    /// The name the person goes by.
    pub(crate) username: String,
}
