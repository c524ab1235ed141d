//! The plain way to find similar people: an inverted list of people for each post, and a counter for each person.
//!
//! This way is the anchor of P17, which runs in the same program as the engine, and the reference that the engine's
//! answers are compared with.

use crate::likes::Like;

/// The like matrix by rows (the posts of each person) and by columns (the people of each post).
pub(crate) struct Inverted {
    rows: Lists,
    columns: Lists,
    /// The number of posts that each person shares with the person asked for; all zero between two questions.
    counters: Vec<u32>,
}

/// A list of items for each key, in compressed form: one long list, and the places where each key's part begins.
struct Lists {
    begins: Vec<usize>,
    all: Vec<u32>,
}

impl Lists {
    /// Builds the lists from pairs of a key and an item. A first pass counts the items of each key, and a second one
    /// stores them.
    fn of(pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let len = pairs.clone().map(|(key, _)| key as usize + 1).max().unwrap_or_default();
        let mut begins = vec![0; len + 1];
        for (key, _) in pairs.clone() {
            if let Some(begin) = begins.get_mut(key as usize + 1) {
                *begin += 1;
            }
        }
        // The lengths become begins: each list begins where the lists before it end.
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        let (mut ends, mut all) = (begins.clone(), vec![0; sum]);
        for (key, item) in pairs {
            if let Some(end) = ends.get_mut(key as usize) {
                if let Some(place) = all.get_mut(*end) {
                    *place = item;
                }
                *end += 1;
            }
        }
        Self { begins, all }
    }

    /// Returns the items of a key.
    fn of_key(&self, key: u32) -> &[u32] {
        let (begin, end) = (self.begins.get(key as usize), self.begins.get(key as usize + 1));
        begin.zip(end).and_then(|(begin, end)| self.all.get(*begin..*end)).unwrap_or_default()
    }
}

impl Inverted {
    pub(crate) fn new(likes: &[Like]) -> Self {
        let rows = Lists::of(likes.iter().copied());
        let columns = Lists::of(likes.iter().map(|(person, post)| (*post, *person)));
        let counters = vec![0; rows.begins.len()];
        Self { rows, columns, counters }
    }

    /// Returns the three people who are most similar to a person by the cosine of their likes, the most similar first,
    /// each with the cosine. Of equally similar people the lower number comes first, as in the engine.
    pub(crate) fn nearest(&mut self, person_asked_for: u32) -> Vec<(f64, u32)> {
        let Self { rows, columns, counters } = self;
        let mut met = Vec::new();
        let own_posts = rows.of_key(person_asked_for);
        for person in own_posts.iter().flat_map(|post| columns.of_key(*post)) {
            if let Some(counter) = counters.get_mut(*person as usize) {
                if *counter == 0 {
                    met.push(*person);
                }
                *counter += 1;
            }
        }
        let mut best: Vec<(f64, u32)> = Vec::with_capacity(4);
        for person in met {
            // Taking a counter also resets it, so that only the people who were met need to be reset.
            let shared = counters.get_mut(person as usize).map(std::mem::take).unwrap_or_default();
            let lengths = own_posts.len() * rows.of_key(person).len();
            let found = ((u64::from(shared).pow(2) as f64 / lengths as f64).sqrt(), person);
            let after = |(cosine, other): &(f64, u32)| *cosine < found.0 || (*cosine <= found.0 && *other > person);
            let place = best.iter().position(after).unwrap_or(best.len());
            if person != person_asked_for && place < 3 {
                best.insert(place, found);
                best.truncate(3);
            }
        }
        best
    }
}
