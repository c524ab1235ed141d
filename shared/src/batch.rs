//! Group commit: writes that wait while one transaction commits are stored together by the next transaction.
//!
//! Without group commit, a thousand clients need a thousand commits, and each waits for a flush of the disk and for the
//! lock on a row that all of them change. With it, two connections are enough: while one transaction commits, the
//! statements of the next one are executed, and a row that many writes change is locked once per commit instead of once
//! per request. There is no timer, so a single write is stored at once. Each client gets its answer after the commit
//! (docs/adr/0009).

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};
use tokio::task::yield_now;

use crate::db::CommitError;
use crate::error::ApiError;
use crate::tasks::Cancel;
use crate::work::{Db, Tx};

/// The largest number of writes in one transaction. It is a power of two, because multi-row statements are split into
/// groups whose sizes are powers of two.
const BATCH: usize = 256;
/// The largest number of writes that wait. Further writes are refused, so that memory and waiting times stay bounded.
const QUEUE: usize = 4_096;

/// Writes that one transaction can store together. A service implements it once for all kinds of writes that share
/// commits.
#[async_trait]
pub trait Batched: Send + Sync + 'static {
    /// One write of a client.
    type Write: Send + Sync + 'static;
    /// The answer to the client that sent the write.
    type Answer: Send + 'static;
    /// A value that must not occur twice in one transaction, such as the key of a row or the idempotency key of a
    /// request.
    type Key: Hash + Eq + Send;

    /// Returns the key of a write. A second write with the same key waits for the next transaction. Any number of
    /// writes with the key `None` may be stored together.
    fn key(write: &Self::Write) -> Option<Self::Key>;

    /// Stores the writes and publishes their events. Returns one outcome per write, in the order of `writes`.
    ///
    /// # Errors
    /// When the transaction has to be rolled back. The writes are then stored again one by one.
    async fn store(&self, tx: &mut Tx, writes: &[Self::Write])
    -> Result<Vec<Result<Self::Answer, ApiError>>, ApiError>;
}

/// A write, and the sender of the answer to its client.
type PendingWrite<B> = (<B as Batched>::Write, oneshot::Sender<Result<<B as Batched>::Answer, ApiError>>);

/// The queue of writes for shared commits. Clones share the queue: one of them calls [`Batches::run`], and any number
/// call [`Batches::write`].
pub struct Batches<B: Batched> {
    sender: mpsc::Sender<PendingWrite<B>>,
    turn: Arc<Mutex<Turn<B>>>,
    /// Held while a batch stores its events and commits.
    committing: Arc<Mutex<()>>,
}

/// The right to execute the statements of a batch, with the state that only its holder may touch. There is only one,
/// because two transactions that execute statements at the same time could wait for each other's rows crosswise and
/// deadlock.
struct Turn<B: Batched> {
    receiver: mpsc::Receiver<PendingWrite<B>>,
    /// Writes that were received and are in no batch yet, in the order of their arrival.
    waiting: VecDeque<PendingWrite<B>>,
    /// The keys of the batch before this one, which may still be committing.
    previous_keys: HashSet<B::Key>,
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
        let turn = Turn { receiver, waiting: VecDeque::new(), previous_keys: HashSet::new() };
        Self { sender, turn: Arc::new(Mutex::new(turn)), committing: Arc::default() }
    }
}

impl<B: Batched> Batches<B> {
    /// Stores a write together with others, and returns its answer after the commit.
    ///
    /// # Errors
    /// The error of [`Batched::store`] for this write, or of a commit that the database refused; 503 `busy` when the
    /// queue is full; another 503 when no transaction can begin or events may not be published. After each of these
    /// nothing was stored. 504 `outcome_unknown` when the commit was cut off or the task that stores writes has ended.
    pub async fn write(&self, write: B::Write) -> Result<B::Answer, ApiError> {
        let (answer, answered) = oneshot::channel();
        // Refuse at once instead of waiting for room in the queue, so that the client learns early and memory stays
        // bounded.
        if self.sender.try_send((write, answer)).is_err() {
            return Err(ApiError::unavailable("busy", "Too many writes wait already, nothing was stored"));
        }
        // A writing task that ended without an answer may have been committing this very write.
        answered.await.unwrap_or_else(|_writer_ended| Err(ApiError::outcome_unknown()))
    }

    /// Stores writes until `cancel`. A batch that has begun by then is finished.
    pub async fn run(self, db: Db, batched: B, cancel: Cancel) {
        // Two loops take turns: while one commits, the other executes the statements of the next batch.
        tokio::join!(self.take_turns(&db, &batched, &cancel), self.take_turns(&db, &batched, &cancel));
    }

    async fn take_turns(&self, db: &Db, batched: &B, cancel: &Cancel) {
        loop {
            let mut turn = self.turn.lock().await;
            if turn.receive(cancel).await {
                let batch = turn.take(&self.committing).await;
                self.store(db, batched, turn, batch).await;
            } else {
                return;
            }
        }
    }

    /// Stores a batch. If its transaction is rolled back, stores each write by itself, so that one bad write cannot
    /// spoil the others.
    async fn store(&self, db: &Db, batched: &B, turn: MutexGuard<'_, Turn<B>>, batch: Vec<PendingWrite<B>>) {
        let (writes, clients): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        // The turn ends only when this batch may commit, so at most one batch is executed ahead of the one that
        // commits.
        let end_turn = async || {
            let committing = self.committing.lock().await;
            drop(turn);
            committing
        };
        match try_store(db, batched, &writes, end_turn).await {
            Ok(answers) => clients.into_iter().zip(answers).for_each(|(client, answer)| send_answer(client, answer)),
            Err(Failure::RolledBack(error)) if writes.len() > 1 => {
                let (cause, together) = (error.cause().unwrap_or_default(), writes.len());
                tracing::warn!(cause, together, "A shared commit failed, its writes are tried one by one: {error}.");
                store_one_by_one(db, batched, writes.into_iter().zip(clients)).await;
            }
            Err(Failure::Unavailable(error) | Failure::RolledBack(error) | Failure::Unknown(error)) => {
                clients.into_iter().for_each(|client| send_answer(client, Err(error.clone())));
            }
        }
    }
}

impl<B: Batched> Turn<B> {
    /// Waits for writes and receives a batch of them. Returns false if `cancel` ended the wait, because then no batch
    /// follows.
    async fn receive(&mut self, cancel: &Cancel) -> bool {
        if self.waiting.is_empty() {
            tokio::select! {
                first = self.receiver.recv() => self.waiting.extend(first),
                () = cancel.cancelled() => return false,
            }
        }
        // Yield once so that ready tasks can join this batch.
        yield_now().await;
        while self.waiting.len() < BATCH
            && let Ok(next) = self.receiver.try_recv()
        {
            self.waiting.push_back(next);
        }
        true
    }

    /// Takes the writes that can be stored together. If one of them has a key of the previous batch, waits until that
    /// batch has committed, because the new write must see what that batch has stored.
    async fn take(&mut self, committing: &Mutex<()>) -> Vec<PendingWrite<B>> {
        let (batch, keys) = take_batch::<B>(&mut self.waiting);
        if !keys.is_disjoint(&self.previous_keys) {
            drop(committing.lock().await);
        }
        self.previous_keys = keys;
        batch
    }
}

/// Takes the first write of each key and every write without a key; later writes of a key stay. Returns the batch and
/// its keys. A write whose client has gone is dropped: nobody would learn that it was stored.
fn take_batch<B: Batched>(waiting: &mut VecDeque<PendingWrite<B>>) -> (Vec<PendingWrite<B>>, HashSet<B::Key>) {
    let mut keys = HashSet::new();
    let (batch, later): (Vec<_>, Vec<_>) = waiting
        .drain(..)
        .filter(|(_, client)| !client.is_closed())
        .partition(|(write, _)| B::key(write).is_none_or(|key| keys.insert(key)));
    waiting.extend(later);
    (batch, keys)
}

/// The reason why writes were not stored, as far as it is known.
enum Failure {
    /// No transaction can begin, neither for these writes nor for others.
    Unavailable(ApiError),
    /// The transaction was rolled back.
    RolledBack(ApiError),
    /// The outcome of the commit is unknown.
    Unknown(ApiError),
}

/// Stores each write in a transaction of its own. Once one fails for a reason that concerns all of them, the remaining
/// writes get the same error without an attempt.
async fn store_one_by_one<B: Batched>(db: &Db, batched: &B, batch: impl Iterator<Item = PendingWrite<B>>) {
    let mut unavailable = None;
    for (write, client) in batch.filter(|(_, client)| !client.is_closed()) {
        let answer = match &unavailable {
            Some(error) => Err(ApiError::clone(error)),
            None => match try_store(db, batched, &[write], async || ()).await {
                Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(ApiError::internal("a write has no answer"))),
                // A 503, such as that of a full disk, is no fault of this write. The others would fail the same way,
                // each after a wait of its own.
                Err(Failure::RolledBack(error)) if error.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    unavailable = Some(error.clone());
                    Err(error)
                }
                Err(Failure::RolledBack(error) | Failure::Unknown(error)) => Err(error),
                Err(Failure::Unavailable(error)) => {
                    unavailable = Some(error.clone());
                    Err(error)
                }
            },
        };
        send_answer(client, answer);
    }
}

/// Sends an answer to the client of a write. A client that has gone in the meantime is ignored.
fn send_answer<T>(client: oneshot::Sender<T>, answer: T) {
    let _gone = client.send(answer);
}

/// Stores writes in one transaction. `before_commit` is awaited between the statements and the commit, and its result
/// is held until the commit has ended.
async fn try_store<B: Batched, T>(
    db: &Db,
    batched: &B,
    writes: &[B::Write],
    before_commit: impl AsyncFnOnce() -> T,
) -> Result<Vec<Result<B::Answer, ApiError>>, Failure> {
    // Every write publishes an event. While publishing is refused, no write could succeed by itself either.
    db.outbox().check_may_publish().map_err(|error| Failure::Unavailable(error.into()))?;
    let mut tx = db.begin().await.map_err(|error| Failure::Unavailable(error.into()))?;
    let answers = batched.store(&mut tx, writes).await.map_err(Failure::RolledBack)?;
    let _held = before_commit().await;
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

    /// A `Batched` without a table: it records each batch, and then waits for a permit. A write named "bad" fails its
    /// whole batch.
    #[derive(Clone)]
    struct Recorded {
        batches: Arc<Cell<Vec<Vec<&'static str>>>>,
        permits: Arc<Semaphore>,
    }

    #[async_trait]
    impl Batched for Recorded {
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
            self.permits.acquire().await.unwrap().forget();
            if writes.contains(&"bad") {
                return Err(ApiError::internal("a bad write"));
            }
            Ok(writes.iter().map(|write| Ok(*write)).collect())
        }
    }

    struct World {
        batches: Batches<Recorded>,
        recorded: Recorded,
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
            let recorded = Recorded { batches: Arc::default(), permits: Arc::new(Semaphore::new(0)) };
            let (batches, cancel) = (Batches::default(), Cancel::new());
            let writer = tokio::spawn(Batches::clone(&batches).run(db.clone(), recorded.clone(), cancel.clone()));
            Self { batches, recorded, cancel, writer, db, _folder: folder }
        }

        /// Sends a write, and waits until it is in the queue or already in a batch.
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
            self.recorded.batches.lock().unwrap().clone()
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
        world.recorded.permits.add_permits(3);
        assert_eq!(first.await.unwrap().unwrap(), "first");
        for (sent, write) in later.into_iter().zip(["any", "a", "any", "b", "a"]) {
            assert_eq!(sent.await.unwrap().unwrap(), write);
        }
        // The second write of "a" has a key of the batch, so it waits for the next commit.
        assert_eq!(world.taken(), [vec!["first"], vec!["any", "a", "any", "b"], vec!["a"]]);
        world.finish().await;
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the task")]
    async fn a_write_of_a_ready_task_joins_the_batch() {
        let world = World::new().await;
        yield_now().await;
        world.recorded.permits.add_permits(2);
        let (mut first, batches) = (Box::pin(world.batches.write("first")), world.batches.clone());
        assert!(futures_util::poll!(&mut first).is_pending());
        // This task runs after the writer has been woken, so only the writer's yield lets it join the batch.
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
        world.recorded.permits.add_permits(4);
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
        world.recorded.permits.add_permits(1 + QUEUE.div_ceil(BATCH));
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
