//! The open streams of this process, and the queue of each.
//!
//! A stream that does not keep up is ended and not buffered: its client comes back, and gets what it has missed from the
//! database.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::auth::CurrentUser;
use shared::cache::Json;
use shared::clock::Timestamp;
use shared::events::OwnMemory;
use shared::ids::{SessionId, UserId};
use tokio::sync::{Notify, mpsc};

use crate::db::entities::{counts, live_head, live_items};
use crate::domain::Slot;
use crate::domain::ids::PostId;
use crate::domain::live::FOLLOWERS;
use crate::domain::notices::Recipient;
use crate::error::Error;

/// The most streams of one person in one process.
const MOST_OF_PERSON: usize = 10;
/// The most streams of a process.
const MOST: usize = 20_000;
/// The most announcements that wait for one stream.
const QUEUE: usize = 32;
/// The most notifications that are told together.
const MOST_TOGETHER: usize = 100;

/// Something that a stream is told.
#[derive(Clone, Debug)]
pub(crate) enum Live {
    /// A new post of somebody whom the reader follows, as JSON.
    Post { seq: i64, post: Json },
    /// Things of which the reader is notified, in the order of their numbers.
    Notices(Vec<live_items::Model>),
    /// The counters of a post that the client has named, as JSON.
    Counts(Json),
    /// Nothing follows.
    End(EndReason),
}

/// The reason why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    TokenExpired,
    SessionEnded,
    AccountBlocked,
    Stopping,
}

impl EndReason {
    /// Returns the name, as it is sent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TokenExpired => "token_expired",
            Self::SessionEnded => "session_ended",
            Self::AccountBlocked => "account_blocked",
            Self::Stopping => "stopping",
        }
    }
}

/// The open streams of this process. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct LiveStreams(Arc<Inner>);

#[derive(Default)]
struct Inner {
    table: Mutex<Table>,
    /// Wakes the task that announces, see `live_news`.
    wake: Notify,
}

#[derive(Default)]
pub(super) struct Table {
    next_id: u64,
    streams: HashMap<u64, Open>,
    /// The streams that are told of a recipient's items, by [`Recipient::key`].
    by_recipient: HashMap<String, Vec<u64>>,
    /// The streams whose clients have named a post.
    by_post: HashMap<PostId, Vec<u64>>,
    /// The named posts whose counters have changed since they were announced.
    pub(super) changed_counts: HashSet<PostId>,
    /// The number of the last item that was announced; `None` while there is no stream.
    pub(super) position: Option<i64>,
    /// True once the process has begun to stop: no stream is opened any more.
    is_stopping: bool,
}

/// One open stream.
pub(super) struct Open {
    pub(super) user: UserId,
    pub(super) session_version: i64,
    pub(super) session_id: SessionId,
    pub(super) expires_at: Timestamp,
    recipients: [String; 2],
    posts: Vec<PostId>,
    /// The authors whom the reader follows and has not muted, ascending; `None` until they are read.
    followed: Option<Arc<Vec<Slot>>>,
    /// The number of changes of these authors, and the number of those that `followed` has.
    changes: u64,
    read_changes: u64,
    /// The notices that wait until they are told together.
    pending: Vec<live_items::Model>,
    sender: mpsc::Sender<Live>,
}

/// The receiving end of an open stream. Dropping it closes the stream.
pub(crate) struct Listener {
    id: u64,
    streams: LiveStreams,
    receiver: mpsc::Receiver<Live>,
}

impl Listener {
    /// Waits for the next announcement; `None` when the stream was ended because it did not keep up.
    pub(crate) async fn next(&mut self) -> Option<Live> {
        self.receiver.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.streams.lock().remove(self.id);
    }
}

impl LiveStreams {
    /// Opens a stream for a person whose client names some posts. Nothing is announced to it before
    /// [`LiveStreams::begin_at`].
    ///
    /// # Errors
    /// [`Error::TooManyStreams`] for the person; [`Error::StreamsUnavailable`] when the process has too many, or stops.
    pub(crate) fn listen(&self, user: &CurrentUser, posts: Vec<PostId>) -> Result<Listener, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let recipients = recipients(user);
        let mut table = self.lock();
        if table.is_stopping || table.streams.len() >= MOST {
            return Err(Error::StreamsUnavailable);
        }
        if recipients.first().and_then(|id| table.by_recipient.get(id)).is_some_and(|of| of.len() >= MOST_OF_PERSON) {
            return Err(Error::TooManyStreams);
        }
        table.next_id += 1;
        let id = table.next_id;
        for recipient in &recipients {
            table.by_recipient.entry(recipient.clone()).or_default().push(id);
        }
        for post in &posts {
            table.by_post.entry(*post).or_default().push(id);
        }
        let open = Open {
            user: user.id,
            session_version: user.session_version,
            session_id: user.session_id,
            expires_at: user.expires_at,
            recipients,
            posts,
            followed: None,
            changes: 1,
            read_changes: 0,
            pending: Vec::new(),
            sender,
        };
        table.streams.insert(id, open);
        Ok(Listener { id, streams: self.clone(), receiver })
    }

    /// Announces everything after `seq` from now on, also to streams that were opened before and know some of it.
    pub(crate) fn begin_at(&self, seq: i64) {
        let mut table = self.lock();
        table.position = Some(table.position.map_or(seq, |position| position.min(seq)));
        drop(table);
        self.0.wake.notify_one();
    }

    /// Forgets whom a person follows or mutes, because it has changed.
    pub(super) fn forget_followed(&self, person: UserId) {
        let mut table = self.lock();
        let ids = table.by_recipient.get(&Recipient::Id(person).key()).cloned().unwrap_or_default();
        for id in ids {
            table.streams.get_mut(&id).into_iter().for_each(Open::forget_followed);
        }
    }

    /// Forgets whom anybody follows or mutes.
    pub(super) fn forget_all_followed(&self) {
        self.lock().streams.values_mut().for_each(Open::forget_followed);
    }

    /// Notes that counters have changed. They are announced a moment later, because counters change in bursts.
    pub(super) fn note_counts(&self, rows: &[counts::Model]) {
        let mut table = self.lock();
        if !table.by_post.is_empty() {
            let named: Vec<PostId> =
                rows.iter().map(|row| row.id).filter(|id| table.by_post.contains_key(id)).collect();
            table.changed_counts.extend(named);
        }
    }

    /// Waits until there may be something to announce.
    pub(super) async fn wait(&self) {
        self.0.wake.notified().await;
    }

    /// Locks the streams. A panic of another holder of the lock is ignored, because each change leaves them consistent.
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recipients whose items concern a person: the id, and the username that texts mention.
pub(crate) fn recipients(user: &CurrentUser) -> [String; 2] {
    [Recipient::Id(user.id).key(), Recipient::Username(&user.username).key()]
}

impl OwnMemory<live_head::Model> for LiveStreams {
    fn remember(&self, _rows: &[live_head::Model]) {
        self.0.wake.notify_one();
    }

    fn forget_all(&self) {
        self.0.wake.notify_one();
    }
}

impl Open {
    /// Notes that the reader follows or mutes others now. Until they are read, the earlier ones count.
    fn forget_followed(&mut self) {
        self.changes += 1;
    }

    /// Returns the number of changes, if the followed authors are to be read.
    pub(super) fn unread_changes(&self) -> Option<u64> {
        (self.read_changes < self.changes).then_some(self.changes)
    }

    /// Takes over the followed authors, as they were after so many changes.
    pub(super) fn set_followed(&mut self, followed: Option<Arc<Vec<Slot>>>, changes: u64) {
        (self.followed, self.read_changes) = (followed, changes);
    }

    fn follows(&self, author: Slot) -> bool {
        self.followed.as_ref().is_some_and(|followed| followed.binary_search(&author).is_ok())
    }

    /// Hands over the notices that wait. Returns false if the stream does not keep up.
    fn flush(&mut self) -> bool {
        self.pending.is_empty() || self.sender.try_send(Live::Notices(std::mem::take(&mut self.pending))).is_ok()
    }
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn streams(&mut self) -> impl Iterator<Item = (u64, &mut Open)> {
        self.streams.iter_mut().map(|(id, open)| (*id, open))
    }

    pub(super) fn find(&mut self, id: u64) -> Option<&mut Open> {
        self.streams.get_mut(&id)
    }

    /// Tells the followers of an author of a post.
    pub(super) fn announce_post(&mut self, seq: i64, author: Slot, post: &Json) {
        self.tell(None, |open| {
            // Earlier items are told first, because a client comes back with the last number that it saw.
            !open.follows(author)
                || (open.flush() && open.sender.try_send(Live::Post { seq, post: post.clone() }).is_ok())
        });
    }

    /// Notes something for the streams of its recipient, which are told by [`Table::flush`].
    pub(super) fn note_notice(&mut self, item: &live_items::Model) {
        debug_assert_ne!(item.recipient, FOLLOWERS);
        let ids = self.by_recipient.get(&item.recipient).cloned().unwrap_or_default();
        self.tell(Some(ids), |open| {
            if item.actor_id != open.user {
                // The newest of a crowd tells of all of it.
                open.pending.retain(|earlier| earlier.place != item.place);
                open.pending.push(item.clone());
            }
            open.pending.len() <= MOST_TOGETHER
        });
    }

    /// Tells of the notices that were noted.
    pub(super) fn flush(&mut self) {
        self.tell(None, Open::flush);
    }

    /// Tells the streams that have named a post of its counters.
    pub(super) fn announce_counts(&mut self, post: PostId, counts: &Json) {
        let ids = self.by_post.get(&post).cloned().unwrap_or_default();
        self.tell(Some(ids), |open| open.sender.try_send(Live::Counts(counts.clone())).is_ok());
    }

    /// Ends the streams for which `reason` finds one, and tells them.
    pub(super) fn end(&mut self, reason: impl Fn(&Open) -> Option<EndReason>) {
        self.tell(None, |open| match reason(open) {
            Some(reason) => {
                let _full = open.flush() && open.sender.try_send(Live::End(reason)).is_ok();
                false
            }
            None => true,
        });
    }

    /// Ends all streams, and opens no other ones.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
        self.end(|_| Some(EndReason::Stopping));
    }

    /// Calls `tell` with each of these streams, or with all, and closes those for which it returns false.
    fn tell(&mut self, ids: Option<Vec<u64>>, mut tell: impl FnMut(&mut Open) -> bool) {
        let mut closed = Vec::new();
        let mut tell = |id: u64, open: &mut Open| {
            if !tell(open) {
                closed.push(id);
            }
        };
        match ids {
            Some(ids) => {
                for id in ids {
                    self.streams.get_mut(&id).into_iter().for_each(|open| tell(id, open));
                }
            }
            None => self.streams.iter_mut().for_each(|(id, open)| tell(*id, open)),
        }
        closed.into_iter().for_each(|id| self.remove(id));
    }

    /// Removes a stream, whose receiving end then gets what is in its queue, and no more.
    fn remove(&mut self, id: u64) {
        let Some(open) = self.streams.remove(&id) else { return };
        open.recipients.into_iter().for_each(|key| leave(&mut self.by_recipient, key, id));
        open.posts.into_iter().for_each(|post| leave(&mut self.by_post, post, id));
        if self.streams.is_empty() {
            self.position = None;
            self.changed_counts.clear();
        }
    }
}

/// Removes a stream from an index.
fn leave<K: std::hash::Hash + Eq>(index: &mut HashMap<K, Vec<u64>>, key: K, id: u64) {
    if let std::collections::hash_map::Entry::Occupied(mut ids) = index.entry(key) {
        ids.get_mut().retain(|known| *known != id);
        if ids.get().is_empty() {
            ids.remove();
        }
    }
}
