//! The answer to a write that returns nothing but a sentence.

use serde::Serialize;
use utoipa::ToSchema;

/// An answer that is a sentence.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// What happened.
    pub(crate) message: &'static str,
}
