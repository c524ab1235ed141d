//! The similarity of two people, and the types that neighbours are described with.
//!
//! Likes are binary, so the cosine of two people's likes is shared / sqrt(a · b), also known as the Ochiai coefficient.
//! With weights each post counts by its squared inverse document frequency.

use shared::ids::UserId;

use super::numbered::Idx;

/// The weighting of shared likes in the similarity of two people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weighting {
    /// Every post counts the same.
    #[default]
    None,
    /// A post that few people like counts more. Its weight is the inverse document frequency (Sparck Jones 1972) in the
    /// form `w = ln(1 + people with a like / people who like it)`.
    Idf,
}

/// A similar person, and so a reason for a recommendation. Without weights the similarity is
/// `shared_likes / sqrt(your_likes · their_likes)`, with weights it is `shared / sqrt(yours · theirs)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// The similar person.
    pub user_id: UserId,
    /// The cosine of both people's likes: above 0, at most 1.
    #[schema(example = 0.5)]
    pub similarity: f64,
    /// How many visible posts both like.
    #[schema(value_type = i64, minimum = 1)]
    pub shared_likes: u32,
    /// How many visible posts you like.
    #[schema(value_type = i64, minimum = 1)]
    pub your_likes: u32,
    /// How many visible posts the other person likes.
    #[schema(value_type = i64, minimum = 1)]
    pub their_likes: u32,
    /// What the similarity is computed from with `weighting=idf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Weights, required = false)]
    pub weights: Option<Weights>,
}

/// Sums of the squared weights `ln(1 + people with a like / people who like the post)²`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Weights {
    /// Over the posts that both like.
    pub shared: f64,
    /// Over the posts that you like.
    pub yours: f64,
    /// Over the posts that the other person likes.
    pub theirs: f64,
}

impl Weights {
    /// Computes the weighted cosine.
    pub(super) fn cosine(&self) -> f64 {
        self.shared / (self.yours * self.theirs).sqrt()
    }
}

/// A neighbour: a person with a similarity above 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) person: Idx,
    /// The number of visible posts that both the asker and this person like.
    pub(super) shared: u32,
    pub(super) similarity: f64,
}

/// The nearest neighbours of a person, most similar first.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    pub(super) people: Vec<Neighbour>,
    /// With [`Weighting::Idf`] the sums behind each similarity, in the order of `people`; otherwise empty.
    pub(super) weights: Vec<Weights>,
}

/// A factor for bounds that are computed in floats. It lowers a bound by more than rounding can ever have raised it, so
/// that no candidate is left out wrongly; one that is kept wrongly is compared exactly later.
pub(super) const ROUNDING_MARGIN: f64 = 1.0 - 1e-9;
