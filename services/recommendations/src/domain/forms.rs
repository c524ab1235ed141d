//! Lists and sets: the form in which a row or a column is kept.
//!
//! A set of bits takes as much memory however many are in it, so only what has many members is one.

use super::LikeMatrix;
use super::bits::Bits;
use super::matrix::{Column, Entry, Fewest, Row, count, insert};
use super::numbered::At;

impl LikeMatrix {
    /// Puts a post into the set of a person's row, or takes one out.
    pub(super) fn set_entry(&mut self, person: At, post: At, present: bool) {
        let (posts, many) = (self.posts.len(), self.many_likes());
        let Row { entries, set, .. } = &mut self.people[person].row;
        match set {
            Some(set) => set.set(post, present),
            None if entries.len() > many => {
                *set = Some(liked_set(entries, posts));
                self.with_sets.push(person);
            }
            None => {}
        }
    }

    /// A row with more entries has a set …
    fn many_likes(&self) -> usize {
        (self.posts.len() / self.plan.many_likes).max(self.plan.light)
    }

    /// … and so is a column with more people.
    fn many_likers(&self) -> usize {
        (self.people.len() / self.plan.many_likers).max(self.plan.light)
    }

    /// Puts a person into a column, or takes one out.
    pub(super) fn set_member(&mut self, post: At, person: At, present: bool) {
        let (people, many) = (self.people.len(), self.many_likers());
        let post = &mut self.posts[post];
        count(&mut post.raw_likers, present);
        if self.active.contains(person) {
            count(&mut post.likers, present);
        }
        match &mut post.column {
            Column::List(list) if present => insert(list, list.len(), person),
            Column::List(list) => {
                if let Some(place) = list.iter().position(|at| *at == person) {
                    list.swap_remove(place);
                }
            }
            Column::Bits(bits) => bits.set(person, present),
        }
        match &post.column {
            Column::List(list) if list.len() > many => {
                let mut bits = Bits::default();
                bits.grow(people);
                list.iter().for_each(|at| bits.set(*at, true));
                post.column = Column::Bits(bits);
            }
            // Half as many, so that a column does not change its form all the time.
            Column::Bits(bits) if (post.raw_likers as usize) < many / 2 => {
                post.column = Column::List(bits.iter().collect());
            }
            Column::List(_) | Column::Bits(_) => {}
        }
    }

    /// Makes room for the next people. What are no longer many among so many people is a list again: a set takes as much
    /// memory however few are in it.
    pub(super) fn add_people(&mut self) {
        let (people, many) = (self.people.len(), self.many_likers());
        self.active.grow(people);
        self.fewest.resize(self.active.words().len(), Fewest { bound: u32::MAX, raises: 0 });
        for post in self.posts.iter_mut() {
            match &mut post.column {
                Column::Bits(bits) if (post.raw_likers as usize) < many / 2 => {
                    post.column = Column::List(bits.iter().collect());
                }
                Column::Bits(bits) => bits.grow(people),
                Column::List(_) => {}
            }
        }
    }

    /// Makes room for the next posts.
    pub(super) fn add_posts(&mut self) {
        let (posts, many) = (self.posts.len(), self.many_likes());
        self.visible.grow(posts);
        let people = &mut self.people;
        self.with_sets.retain(|person| {
            let row = &mut people[*person].row;
            if row.entries.len() < many / 2 {
                row.set = None;
            } else if let Some(set) = &mut row.set {
                set.grow(posts);
            }
            row.set.is_some()
        });
    }
}

/// The likes among these entries, in a set of so many posts.
fn liked_set(entries: &[Entry], posts: usize) -> Bits {
    let mut set = Bits::default();
    set.grow(posts);
    entries.iter().filter(|entry| entry.is_liked()).for_each(|entry| set.set(entry.at(), true));
    set
}
