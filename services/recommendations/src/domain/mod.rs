//! The rules: who is similar to whom, and what that recommends. Nothing here knows of HTTP or a database.

mod best;
mod bits;
mod forms;
mod matrix;
mod numbered;
mod plan;
mod ranking;
mod scratch;
mod similarity;
mod top;

pub use matrix::{LikeMatrix, PostState};
pub use ranking::{Exclusion, Explanation, Recommendation, Recommendations};
pub use scratch::Scratch;
pub use similarity::{Reason, Weights};

#[cfg(test)]
mod brute_force;

shared::id_type! {
    /// A post.
    PostId
}

/// How much a shared like counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weighting {
    /// Every post counts the same.
    #[default]
    None,
    /// A post that few people like counts more: `w = ln(1 + people with a like / people who like it)`.
    Idf,
}

#[cfg(test)]
mod testing {
    use shared::ids::UserId;

    use super::PostState;

    /// The first state of a post of this person.
    pub(super) fn written_by(author: i64) -> PostState {
        PostState { author_id: Some(UserId(author)), created_at: None, deleted: false, version: 1 }
    }
}
