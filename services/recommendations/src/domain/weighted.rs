//! The nearest neighbours by the weighted cosine, where a shared like of a post that few people like counts more.

use super::bits::Bits;
use super::column::Column;
use super::growth::grow_zeros;
use super::matrix::LikeMatrix;
use super::neighbours::{Neighbour, Neighbours, ROUNDING_MARGIN, Weights};
use super::numbered::Idx;
use super::scratch::{Scratch, Squares};
use super::top::TopK;

impl LikeMatrix {
    /// Finds the `limit` people with the highest weighted cosine to `me`, highest first; among equals the lower user id
    /// comes first.
    ///
    /// One pass over the columns of the posts that `me` likes sums the weights that each person shares with `me`. The
    /// exact cosine also needs a pass over the other person's row. So people are taken in the order of an upper bound
    /// of their cosine, the highest first, and the search ends at the first person whose bound is below the cosine of
    /// the last neighbour so far.
    pub(super) fn nearest_by_weight(&self, scratch: &mut Scratch, me: Idx, limit: usize) -> Neighbours {
        let Scratch { shared, shared_weights, squares, .. } = scratch;
        shared.grow(self.people.len());
        grow_zeros(shared_weights, self.people.len());
        squares.prepare(self.people_with_likes);
        // My posts come by ascending id, so every replica adds the floats of a sum in the same order.
        let mut yours = 0.0;
        for post in self.visible_row(me).map(|post| &self.posts[post]) {
            let square = squares.get(post.likers);
            yours += square;
            let weights = shared_weights.as_slice_mut().unwrap_or_default();
            let add_weight = |person: &Idx| {
                if let Some(weight) = weights.get_mut(*person as usize) {
                    *weight += square;
                }
            };
            match &post.column {
                Column::List(people) => shared.increment_all(people.iter().copied().inspect(add_weight)),
                Column::Bits(people) => shared.increment_all(Bits::iter(people).inspect(add_weight)),
            }
        }
        let weight_of = |person: Idx| shared_weights.get(person as usize).copied().unwrap_or_default();
        // A like weighs least if all people with likes like its post: ln(1 + 1)². The bound assumes this weight for
        // likes that are not shared.
        let lightest = 2_f64.ln().powi(2);
        let met = shared.nonzero().iter().filter(|person| **person != me && self.active.contains(**person));
        let mut at_most: Vec<(f64, Idx)> = met
            .map(|person| {
                let sum = weight_of(*person);
                let others = self.visible_likes_of(*person).saturating_sub(shared.get(*person));
                (sum / (yours * (sum + f64::from(others) * lightest)).sqrt(), *person)
            })
            .collect();
        at_most.sort_unstable_by(|(one, _), (other, _)| other.total_cmp(one));
        // Unlike plain cosines, weighted ones are not roots of fractions of integers, so they are compared as floats.
        let mut top = TopK::new(limit, |(one, _): &(Neighbour, Weights), (other, _): &(Neighbour, Weights)| {
            let by_similarity = other.similarity.total_cmp(&one.similarity);
            by_similarity.then_with(|| self.compare_ids(one.person, other.person))
        });
        for (bound, person) in at_most {
            if top.last().is_some_and(|(last, _)| last.similarity * ROUNDING_MARGIN > bound) {
                break;
            }
            let weights = Weights { shared: weight_of(person), yours, theirs: self.length_squared(squares, person) };
            top.offer((Neighbour { person, shared: shared.get(person), similarity: weights.cosine() }, weights));
        }
        for person in shared.nonzero() {
            if let Some(weight) = shared_weights.get_mut(*person as usize) {
                *weight = 0.0;
            }
        }
        shared.clear();
        let (people, weights) = top.into_sorted().into_iter().unzip();
        Neighbours { people, weights }
    }

    /// Computes the squared length of a person's weighted row: the sum of the squared weights of the visible likes.
    fn length_squared(&self, squares: &mut Squares, person: Idx) -> f64 {
        self.visible_row(person).map(|post| squares.get(self.posts[post].likers)).sum()
    }
}
