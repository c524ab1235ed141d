//! A person inside of another answer.

use serde::Serialize;
use shared::ids::UserId;
use utoipa::ToSchema;

/// Who wrote something.
#[derive(Serialize, ToSchema)]
pub(crate) struct Author {
    /// The person.
    pub(crate) id: UserId,
    /// The name the person goes by.
    pub(crate) username: String,
}
