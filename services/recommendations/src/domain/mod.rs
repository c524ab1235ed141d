//! The recommendation engine: user-based collaborative filtering on binary likes. It finds the nearest neighbours of a
//! person by the cosine of their likes, and recommends the posts that these neighbours like. It knows neither HTTP nor
//! a database.
//!
//! In reading order: `matrix` holds the likes, `neighbours` says what a similarity is, `cosine` and `weighted` find the
//! nearest neighbours, `best` finds the best posts, and `similarity` and `ranking` have the functions that a service
//! calls. `brute_force` compares all of it with the definition, written as plain loops.

mod ids;
mod neighbours;

mod activity;
mod bits;
mod column;
mod growth;
mod matrix;
mod numbered;
mod plan;
mod row;

mod best;
mod cosine;
mod ranking;
mod scratch;
mod similarity;
mod top;
mod weighted;

pub use ids::PostId;
pub use matrix::{LikeMatrix, PostState};
pub use neighbours::{Reason, Weighting, Weights};
pub use ranking::{Exclusion, Explanation, Recommendation, Recommendations};
pub use scratch::Scratch;

#[cfg(test)]
mod brute_force;
