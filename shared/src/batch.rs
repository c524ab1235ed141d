//! Shared commits: writes that wait while a commit is under way are stored together by the next one.
//!
//! A thousand clients need no more than two connections: while one transaction commits, the statements of the next are
//! executed. A row that everybody changes is locked once per commit instead of once per request. Nothing waits for a
//! timer: a lone write is stored at once. The answers are given after the commit.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};
use tokio::task::yield_now;

use crate::db::{CommitError, Db, Tx};
use crate::error::ApiError;
use crate::lifecycle::Cancel;

/// Writes in one transaction. A power of two, as multi-row statements are split into those.
const BATCH: usize = 256;
/// Writes that wait; more are refused.
const QUEUE: usize = 4_096;

/// Writes of one kind or several, as they are stored together.
#[async_trait]
pub trait Batched: Send + Sync + 'static {
    /// What is to be written.
    type Write: Clone + Send + Sync + 'static;
    /// What the client is told.
    type Answer: Send + 'static;
    /// What must not occur twice in one transaction.
    type Key: Hash + Eq + Send;

    /// The key of a write: a second one with the same waits for the next transaction. `None`: any number may be stored
    /// together.
    fn key(write: &Self::Write) -> Option<Self::Key>;

    /// Stores the writes and publishes their events: for each, in the same order, what became of it. An error means
    /// that all of it has to be rolled back.
    async fn store(&self, tx: &mut Tx, writes: &[Self::Write])
    -> Result<Vec<Result<Self::Answer, ApiError>>, ApiError>;
}

/// A write, and who waits for it.
type Waiting<B> = (<B as Batched>::Write, oneshot::Sender<Result<<B as Batched>::Answer, ApiError>>);

/// The way of writes into shared commits. Clones share it.
pub struct Batches<B: Batched> {
    sender: mpsc::Sender<Waiting<B>>,
    turn: Arc<Mutex<Turn<B>>>,
    /// Held while a batch commits.
    committing: Arc<Mutex<()>>,
}

/// What only one may have: the right to execute the statements of a batch, since then no two can wait for each other's
/// rows.
struct Turn<B: Batched> {
    receiver: mpsc::Receiver<Waiting<B>>,
    waiting: VecDeque<Waiting<B>>,
    /// The keys of the batch before, which perhaps still commits.
    before: HashSet<B::Key>,
}

impl<B: Batched> Clone for Batches<B> {
    fn clone(&self) -> Self {
        let (turn, committing) = (Arc::clone(&self.turn), Arc::clone(&self.committing));
        Self { sender: self.sender.clone(), turn, committing }
    }
}

impl<B: Batched> Default for Batches<B> {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let turn = Turn { receiver, waiting: VecDeque::new(), before: HashSet::new() };
        Self { sender, turn: Arc::new(Mutex::new(turn)), committing: Arc::default() }
    }
}

impl<B: Batched> Batches<B> {
    /// Stores a write together with others, and answers after the commit.
    ///
    /// # Errors
    /// What [`Batched::store`] says; 503 when too many wait already; 504 when the outcome is unknown.
    pub async fn write(&self, write: B::Write) -> Result<B::Answer, ApiError> {
        let (answer, answered) = oneshot::channel();
        if self.sender.try_send((write, answer)).is_err() {
            return Err(ApiError::unavailable("busy", "Too many writes wait already, nothing was stored"));
        }
        answered.await.unwrap_or_else(|_writer_ended| Err(ApiError::outcome_unknown()))
    }

    /// Writes until `cancel`; what it has begun by then is finished.
    pub async fn run(self, db: Db, stored: B, cancel: Cancel) {
        // While one commits, the other executes.
        tokio::join!(self.take_turns(&db, &stored, &cancel), self.take_turns(&db, &stored, &cancel));
    }

    async fn take_turns(&self, db: &Db, stored: &B, cancel: &Cancel) {
        loop {
            let mut turn = self.turn.lock().await;
            if turn.wait(cancel).await {
                let batch = turn.take(&self.committing).await;
                self.commit(db, stored, turn, batch).await;
            } else {
                return;
            }
        }
    }

    /// Stores a batch; if that fails, each write by itself, so that none can spoil the others.
    async fn commit(&self, db: &Db, stored: &B, turn: MutexGuard<'_, Turn<B>>, batch: Vec<Waiting<B>>) {
        let (writes, waiting): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let executed = async || {
            let committing = self.committing.lock().await;
            drop(turn);
            committing
        };
        match try_commit(db, stored, &writes, executed).await {
            Ok(answers) => waiting.into_iter().zip(answers).for_each(|(waiting, answer)| tell(waiting, answer)),
            Err(Failure::RolledBack(error)) if writes.len() > 1 => {
                let (cause, together) = (error.cause().unwrap_or_default(), writes.len());
                tracing::warn!(cause, together, "A shared commit failed, its writes are tried one by one: {error}.");
                one_by_one(db, stored, writes.into_iter().zip(waiting)).await;
            }
            Err(Failure::Away(error) | Failure::RolledBack(error) | Failure::Unknown(error)) => {
                waiting.into_iter().for_each(|waiting| tell(waiting, Err(error.clone())));
            }
        }
    }
}

impl<B: Batched> Turn<B> {
    /// Waits for writes; false when there will be none.
    async fn wait(&mut self, cancel: &Cancel) -> bool {
        if self.waiting.is_empty() {
            tokio::select! {
                first = self.receiver.recv() => self.waiting.extend(first),
                () = cancel.cancelled() => return false,
            }
        }
        // Whoever is about to write comes along.
        yield_now().await;
        while self.waiting.len() < BATCH
            && let Ok(next) = self.receiver.try_recv()
        {
            self.waiting.push_back(next);
        }
        true
    }

    /// Takes what can be stored together. What has a key of the batch before waits until that has committed.
    async fn take(&mut self, committing: &Mutex<()>) -> Vec<Waiting<B>> {
        let (batch, keys) = take_batch::<B>(&mut self.waiting);
        if !keys.is_disjoint(&self.before) {
            drop(committing.lock().await);
        }
        self.before = keys;
        batch
    }
}

/// Takes what can be stored together, and its keys. Who does not wait any more is left out.
fn take_batch<B: Batched>(waiting: &mut VecDeque<Waiting<B>>) -> (Vec<Waiting<B>>, HashSet<B::Key>) {
    let mut keys = HashSet::new();
    let (batch, later): (Vec<_>, Vec<_>) = waiting
        .drain(..)
        .filter(|(_, answer)| !answer.is_closed())
        .partition(|(write, _)| B::key(write).is_none_or(|key| keys.insert(key)));
    waiting.extend(later);
    (batch, keys)
}

/// Why writes were not stored, as far as is known.
enum Failure {
    /// There was no transaction, and there would be none for another write.
    Away(ApiError),
    /// The transaction was rolled back.
    RolledBack(ApiError),
    /// The commit did not answer.
    Unknown(ApiError),
}

async fn one_by_one<B: Batched>(db: &Db, stored: &B, batch: impl Iterator<Item = Waiting<B>>) {
    let mut away = None;
    for (write, waiting) in batch.filter(|(_, waiting)| !waiting.is_closed()) {
        let answer = match &away {
            Some(error) => Err(ApiError::clone(error)),
            None => match try_commit(db, stored, &[write], async || ()).await {
                Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(ApiError::internal("a write has no answer"))),
                // A full disk is no fault of this write: the others would only find out the same, one after the other.
                Err(Failure::RolledBack(error)) if error.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    away = Some(error.clone());
                    Err(error)
                }
                Err(Failure::RolledBack(error) | Failure::Unknown(error)) => Err(error),
                Err(Failure::Away(error)) => {
                    away = Some(error.clone());
                    Err(error)
                }
            },
        };
        tell(waiting, answer);
    }
}

/// Whoever does not wait any more is told nothing.
fn tell<T>(waiting: oneshot::Sender<T>, answer: T) {
    let _gone = waiting.send(answer);
}

/// One transaction. `executed` is waited for before it commits, and what that answers is kept until it has.
async fn try_commit<B: Batched, T>(
    db: &Db,
    stored: &B,
    writes: &[B::Write],
    executed: impl AsyncFnOnce() -> T,
) -> Result<Vec<Result<B::Answer, ApiError>>, Failure> {
    // Every write publishes, so none of them would get through by itself either.
    db.outbox().admit().map_err(|error| Failure::Away(error.into()))?;
    let mut tx = db.begin().await.map_err(|error| Failure::Away(error.into()))?;
    let answers = stored.store(&mut tx, writes).await.map_err(Failure::RolledBack)?;
    let _kept = executed().await;
    match tx.commit().await {
        Ok(()) => Ok(answers),
        Err(error @ CommitError::Refused(_)) => Err(Failure::RolledBack(error.into())),
        Err(error @ CommitError::Unknown(_)) => Err(Failure::Unknown(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Cell;
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::clock::Clock;
    use crate::config::{Env, Settings};

    /// Stores nothing; notes the batches, each of which waits until it is let through. A write named "bad" spoils its
    /// batch.
    #[derive(Clone)]
    struct Noted {
        batches: Arc<Cell<Vec<Vec<&'static str>>>>,
        let_through: Arc<Semaphore>,
    }

    #[async_trait]
    impl Batched for Noted {
        type Write = &'static str;
        type Answer = &'static str;
        type Key = &'static str;

        fn key(write: &&'static str) -> Option<&'static str> {
            (*write != "any").then_some(write)
        }

        async fn store(
            &self,
            _tx: &mut Tx,
            writes: &[&'static str],
        ) -> Result<Vec<Result<&'static str, ApiError>>, ApiError> {
            self.batches.lock().unwrap().push(writes.to_vec());
            self.let_through.acquire().await.unwrap().forget();
            if writes.contains(&"bad") {
                return Err(ApiError::internal("a bad write"));
            }
            Ok(writes.iter().map(|write| Ok(*write)).collect())
        }
    }

    struct World {
        batches: Batches<Noted>,
        noted: Noted,
        cancel: Cancel,
        writer: JoinHandle<()>,
        db: Db,
        _folder: tempfile::TempDir,
    }

    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the tasks")]
    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
            let db = Db::open(&Settings::from_env(&env, 1).unwrap(), "test", Clock::system()).await.unwrap();
            let noted = Noted { batches: Arc::default(), let_through: Arc::new(Semaphore::new(0)) };
            let (batches, cancel) = (Batches::default(), Cancel::new());
            let writer = tokio::spawn(Batches::clone(&batches).run(db.clone(), noted.clone(), cancel.clone()));
            Self { batches, noted, cancel, writer, db, _folder: folder }
        }

        /// Sends a write, and waits until it is in the queue.
        async fn send(&self, write: &'static str) -> JoinHandle<Result<&'static str, ApiError>> {
            let (batches, before) = (self.batches.clone(), self.batches.sender.capacity());
            let sent = tokio::spawn(async move { batches.write(write).await });
            while self.batches.sender.capacity() == before
                && !self.taken().iter().flatten().any(|taken| *taken == write)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sent
        }

        fn taken(&self) -> Vec<Vec<&'static str>> {
            self.noted.batches.lock().unwrap().clone()
        }

        async fn finish(self) {
            self.cancel.cancel();
            self.writer.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_waits_during_a_commit_is_stored_by_the_next_one() {
        let world = World::new().await;
        let first = world.send("first").await;
        let mut later = Vec::new();
        for write in ["any", "a", "any", "b", "a"] {
            later.push(world.send(write).await);
        }
        world.noted.let_through.add_permits(3);
        assert_eq!(first.await.unwrap().unwrap(), "first");
        for (sent, write) in later.into_iter().zip(["any", "a", "any", "b", "a"]) {
            assert_eq!(sent.await.unwrap().unwrap(), write);
        }
        // The second write of "a" waits for a commit of its own.
        assert_eq!(world.taken(), [vec!["first"], vec!["any", "a", "any", "b"], vec!["a"]]);
        world.finish().await;
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the task")]
    async fn who_writes_right_after_is_stored_along() {
        let world = World::new().await;
        yield_now().await;
        world.noted.let_through.add_permits(2);
        let (mut first, batches) = (Box::pin(world.batches.write("first")), world.batches.clone());
        assert!(futures_util::poll!(&mut first).is_pending());
        // Runs after the writer has been woken.
        let second = tokio::spawn(async move { batches.write("second").await });
        assert_eq!((first.await.unwrap(), second.await.unwrap().unwrap()), ("first", "second"));
        assert_eq!(world.taken(), [["first", "second"]]);
        world.finish().await;
    }

    #[tokio::test]
    async fn a_write_that_fails_spoils_no_other() {
        let world = World::new().await;
        let first = world.send("first").await;
        let (good, bad, gone) = (world.send("good").await, world.send("bad").await, world.send("gone").await);
        gone.abort();
        assert!(gone.await.is_err());
        world.noted.let_through.add_permits(4);
        assert_eq!(first.await.unwrap().unwrap(), "first");
        assert_eq!(good.await.unwrap().unwrap(), "good");
        assert_eq!(bad.await.unwrap().unwrap_err().status().as_u16(), 500);
        assert_eq!(world.taken(), [vec!["first"], vec!["good", "bad"], vec!["good"], vec!["bad"]]);
        world.finish().await;
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let world = World::new().await;
        let first = world.send("first").await;
        let waiting: Vec<_> = (0..QUEUE).map(|_| world.batches.write("any")).map(Box::pin).collect();
        let mut waiting = futures_util::future::join_all(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(world.batches.write("any").await.unwrap_err().status().as_u16(), 503);
        world.noted.let_through.add_permits(1 + QUEUE.div_ceil(BATCH));
        first.await.unwrap().unwrap();
        assert!(waiting.await.iter().all(Result::is_ok));
        world.finish().await;
    }

    #[tokio::test]
    async fn without_a_database_all_are_told_that_nothing_was_stored() {
        let world = World::new().await;
        world.db.close().await;
        let (one, other) = tokio::join!(world.batches.write("a"), world.batches.write("b"));
        assert_eq!([one, other].map(|told| told.unwrap_err().status().as_u16()), [503, 503]);
        assert!(world.taken().is_empty());
        world.finish().await;
    }
}
