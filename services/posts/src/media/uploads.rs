//! The memory that uploads may take.
//!
//! A picture is held in memory while it is received, decoded and encoded. So the number and the bytes of uploads are
//! limited, and an upload that does not fit is refused before its body is read. One person gets at most half of the
//! bytes, so that nobody can keep the others out by sending slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use shared::ids::UserId;
use tokio::time::Instant;

use crate::error::Error;

/// The most uploads at a time.
const MAX_UPLOADS: usize = 400;
/// The most bytes of all uploads together.
const MAX_BYTES: usize = 48 * 1024 * 1024;
/// The most bytes of one person's uploads.
const MAX_BYTES_PER_PERSON: usize = MAX_BYTES / 2;

/// The room for uploads, and how much of it is in use. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Uploads(Arc<Mutex<Used>>);

/// The room that is in use.
#[derive(Default)]
struct Used {
    uploads: usize,
    bytes: usize,
    bytes_by_person: HashMap<UserId, usize>,
}

/// The room of one upload. Dropping it gives the room back.
pub(crate) struct Reservation {
    uploads: Uploads,
    user: UserId,
    bytes: usize,
}

/// A picture that was received.
pub(crate) struct Upload {
    /// The file as it was sent. Clones share the bytes.
    pub(crate) file: Bytes,
    /// The time at which the service began to handle the request.
    pub(crate) begun: Instant,
    /// The room of the file, held for as long as the file is in memory.
    pub(crate) _reservation: Arc<Reservation>,
}

impl Uploads {
    /// Reserves room for a request of this person with a body of at most `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`] when the room that is left for everybody, or for this person, does not suffice.
    pub(crate) fn reserve(&self, user: UserId, bytes: usize) -> Result<Reservation, Error> {
        let mut used = self.used();
        let of_person = used.bytes_by_person.get(&user).copied().unwrap_or_default() + bytes;
        if used.uploads >= MAX_UPLOADS || used.bytes + bytes > MAX_BYTES || of_person > MAX_BYTES_PER_PERSON {
            return Err(Error::TooManyUploads);
        }
        used.uploads += 1;
        used.bytes += bytes;
        used.bytes_by_person.insert(user, of_person);
        Ok(Reservation { uploads: self.clone(), user, bytes })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut used = self.uploads.used();
        used.uploads -= 1;
        used.bytes -= self.bytes;
        let of_person = used.bytes_by_person.get(&self.user).copied().unwrap_or_default().saturating_sub(self.bytes);
        // People without uploads are removed, or the map would grow with everybody who ever sent a picture.
        if of_person == 0 {
            used.bytes_by_person.remove(&self.user);
        } else {
            used.bytes_by_person.insert(self.user, of_person);
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
        let reserve = |user: i64| uploads.reserve(UserId(user), LARGE).unwrap_or_else(|_| panic!());
        let of_ann: Vec<Reservation> = (0..4).map(|_| reserve(1)).collect();
        assert!(uploads.reserve(UserId(1), 1).is_err(), "Ann has her share");
        let of_bob: Vec<Reservation> = (0..4).map(|_| reserve(2)).collect();
        assert!(uploads.reserve(UserId(3), 1).is_err(), "all bytes are in use");
        drop((of_ann, of_bob));
        let many: Vec<Reservation> = (0..MAX_UPLOADS).map_while(|_| uploads.reserve(UserId(1), 10).ok()).collect();
        assert_eq!(many.len(), MAX_UPLOADS);
        assert!(uploads.reserve(UserId(3), 10).is_err(), "the number of uploads is reached");
        drop(many);
        let used = uploads.used();
        assert_eq!((used.uploads, used.bytes, used.bytes_by_person.len()), (0, 0, 0));
    }
}
