//! The rules: who is similar to whom, and what that recommends. Nothing here knows of HTTP or a database.

mod matrix;
mod ranking;
mod similarity;

pub(crate) use matrix::LikeMatrix;
pub(crate) use ranking::Recommendation;
pub(crate) use similarity::Reason;

#[cfg(test)]
mod brute_force;

shared::id_type! {
    /// A post.
    PostId
}

/// How much a shared like counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weighting {
    /// Every post counts the same.
    #[default]
    None,
    /// A post that few people like counts more: `w = ln(1 + people with a like / people who like it)`.
    Idf,
}
