//! Pictures on their way into the store: so many at once as fit into memory, and not all of them of one person. What is more
//! is refused before its body is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use shared::ids::UserId;
use tokio::time::Instant;

use crate::error::Error;

/// How many requests with a picture there may be at a time, and their bytes: of all people, and of one. A single person
/// cannot keep the others out by sending slowly.
const NUMBER: usize = 400;
const BYTES: usize = 48 * 1024 * 1024;
const BYTES_OF_ONE: usize = BYTES / 2;

/// The room for uploads. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Uploads(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    number: usize,
    bytes: usize,
    people: HashMap<UserId, usize>,
}

/// The room that one request has until it is dropped.
pub(crate) struct Place {
    uploads: Uploads,
    user: UserId,
    bytes: usize,
}

/// A picture that has arrived.
pub(crate) struct Upload {
    /// The file as it was sent. Clones share it.
    pub(crate) file: Bytes,
    /// When its request began.
    pub(crate) begun: Instant,
    /// The room that it takes.
    pub(crate) _place: Arc<Place>,
}

impl Uploads {
    /// Takes room for a request of this size.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`].
    pub(crate) fn admit(&self, user: UserId, bytes: usize) -> Result<Place, Error> {
        let mut taken = self.taken();
        let of_one = taken.people.get(&user).copied().unwrap_or_default() + bytes;
        if taken.number >= NUMBER || taken.bytes + bytes > BYTES || of_one > BYTES_OF_ONE {
            return Err(Error::TooManyUploads);
        }
        taken.number += 1;
        taken.bytes += bytes;
        taken.people.insert(user, of_one);
        Ok(Place { uploads: self.clone(), user, bytes })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.uploads.taken();
        taken.number -= 1;
        taken.bytes -= self.bytes;
        let of_one = taken.people.get(&self.user).copied().unwrap_or_default().saturating_sub(self.bytes);
        if of_one == 0 {
            taken.people.remove(&self.user);
        } else {
            taken.people.insert(self.user, of_one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_bounded_in_number_in_bytes_and_per_person_and_give_their_room_back() {
        const LARGE: usize = 6 * 1024 * 1024;
        let uploads = Uploads::default();
        let of_ann: Vec<Place> = (0..4).map(|_| uploads.admit(UserId(1), LARGE).unwrap_or_else(|_| panic!())).collect();
        assert!(uploads.admit(UserId(1), 1).is_err(), "Ann has her share");
        let of_bob: Vec<Place> = (0..4).map(|_| uploads.admit(UserId(2), LARGE).unwrap_or_else(|_| panic!())).collect();
        assert!(uploads.admit(UserId(3), 1).is_err(), "all bytes are taken");
        drop((of_ann, of_bob));
        let many: Vec<Place> = (0..NUMBER).map_while(|_| uploads.admit(UserId(1), 10).ok()).collect();
        assert_eq!(many.len(), NUMBER);
        assert!(uploads.admit(UserId(3), 10).is_err(), "so many requests at most");
        drop(many);
        let taken = uploads.taken();
        assert_eq!((taken.number, taken.bytes, taken.people.len()), (0, 0, 0));
    }
}
