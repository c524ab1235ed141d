//! The data that this process keeps in memory: the like matrix and rendered posts, both fed by committed states, and
//! the recommender that computes answers from them.

pub(crate) mod matrix;
pub(crate) mod recommender;
pub(crate) mod shown;
