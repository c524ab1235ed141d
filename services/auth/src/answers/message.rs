//! The answer of routes that return nothing but a sentence.

use serde::Serialize;
use utoipa::ToSchema;

/// An answer that is one sentence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageOut {
    /// What happened, for people.
    message: String,
}

impl MessageOut {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
