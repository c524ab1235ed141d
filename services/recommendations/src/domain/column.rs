//! A column of the matrix: the people who like one post.

use super::bits::Bits;
use super::growth::insert;
use super::numbered::Idx;

/// The people who like a post, blocked ones included. A bitset takes one bit for each person there is, a list four
/// bytes for each liker, so only a post that many people like has a bitset.
#[derive(Debug)]
pub(super) enum Column {
    /// A list of the people's indices, in no order, for a post with few likers.
    List(Vec<Idx>),
    /// A bitset with one bit for each person, for a post with many likers.
    Bits(Bits),
}

impl Column {
    /// Returns the people as a new list.
    pub(super) fn to_vec(&self) -> Vec<Idx> {
        match self {
            Self::List(people) => people.clone(),
            Self::Bits(people) => people.iter().collect(),
        }
    }

    /// Adds a person who is not in the column, or removes one who is.
    pub(super) fn set(&mut self, person: Idx, likes: bool) {
        match self {
            Self::List(list) if likes => insert(list, list.len(), person),
            Self::List(list) => {
                if let Some(place) = list.iter().position(|listed| *listed == person) {
                    list.swap_remove(place);
                }
            }
            Self::Bits(bits) => bits.set(person, likes),
        }
    }

    /// Makes room for `people` people, and chooses the form: a list for up to `max_listed` likers, a bitset for more. A
    /// bitset becomes a list only when `likers`, the number of people in the column, is below half of `max_listed`, so
    /// that a column near the threshold does not change its form all the time.
    pub(super) fn fit(&mut self, likers: usize, people: usize, max_listed: usize) {
        match self {
            Self::List(list) if list.len() > max_listed => {
                let mut bits = Bits::default();
                bits.grow(people);
                list.iter().for_each(|person| bits.set(*person, true));
                *self = Self::Bits(bits);
            }
            Self::Bits(bits) if likers < max_listed / 2 => *self = Self::List(bits.iter().collect()),
            Self::Bits(bits) => bits.grow(people),
            Self::List(_) => {}
        }
    }
}
