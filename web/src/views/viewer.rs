//! The eyes that look at a page: language, time, and what the visitor has to do with the things on it.

use std::collections::HashSet;

use shared::clock::Timestamp;

use super::Moment;
use crate::text::Language;

/// A visitor who looks at posts and people.
pub(crate) struct Viewer<'a> {
    /// The visitor's language.
    pub(crate) language: &'a Language,
    /// The time of the visit.
    pub(crate) now: Timestamp,
    /// The visitor; absent if nobody is signed in.
    pub(crate) user_id: Option<u64>,
    /// The posts that the visitor likes.
    pub(crate) liked: HashSet<u64>,
    /// The people whom the visitor follows; absent if it is not known.
    pub(crate) followed: Option<HashSet<u64>>,
}

impl<'a> Viewer<'a> {
    /// Creates a visitor of whose likes and follows nothing is known.
    pub(crate) fn new(language: &'a Language, now: Timestamp, user_id: Option<u64>) -> Self {
        Self { language, now, user_id, liked: HashSet::new(), followed: None }
    }

    /// Sets the posts that the visitor likes.
    pub(crate) fn likes(self, liked: HashSet<u64>) -> Self {
        Self { liked, ..self }
    }

    /// Sets the people whom the visitor follows.
    pub(crate) fn follows(self, followed: Option<HashSet<u64>>) -> Self {
        Self { followed, ..self }
    }

    /// Says a time.
    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.now, self.language)
    }
}
