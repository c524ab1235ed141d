//! Consumers: the side of a service that keeps a copy of a stream that another service owns.
//!
//! A copy has three aspects, each with a trait of its own: [`Consumer`] applies states as they arrive, [`StoredCopy`]
//! reads and deletes rows so that the copy can be compared and repaired, and [`Memory`] holds in the process what
//! requests read often. For a copy that is one table, [`Projection`](super::Projection) implements the first two.

use async_trait::async_trait;
use sea_orm::DbErr;

use super::apply_error::ApplyError;
use crate::db::Reads;
use crate::outbox::{Key, State};
use crate::work::{Db, Tx};

/// Applies the states of one stream to a copy.
///
/// Messages arrive at least once and in any order, so applying must be idempotent and must keep the highest version of
/// each key (rule R5 in docs/convergence.md).
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// The fields of the owner's state that this service reads. Further fields of a message are ignored.
    type State: State;

    /// Applies states as a part of the transaction. The states are sorted by key, and each key occurs once, with the
    /// highest version of the batch.
    async fn apply(&self, tx: &mut Tx, states: Vec<Self::State>) -> Result<(), ApplyError>;

    /// Applies and commits these states, all or none.
    async fn store(&self, db: &Db, states: Vec<Self::State>) -> Result<(), ApplyError> {
        apply_in_transaction(self, db, states).await
    }

    /// Returns the memory that follows the copy; `None` when this process keeps no part of the copy in memory.
    fn memory(&self) -> Option<&dyn Memory<Self::State>> {
        None
    }
}

/// The stored rows of a copy, as comparison and repair need them.
#[async_trait]
pub trait StoredCopy: Consumer {
    /// Reads up to `limit` rows with keys above `after` as states, in the order of their keys; without `after` from the
    /// first key on.
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Self::State>, DbErr>;

    /// Reads the rows of these keys as states. Keys without a row are left out.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Self::State>, DbErr> {
        let mut found = Vec::new();
        for key in keys {
            // A page of one row that begins right before the key, so that a copy need not implement a second query.
            let states = self.page(db, Some(&key.predecessor()), 1).await?;
            found.extend(states.into_iter().filter(|state| state.key() == *key));
        }
        Ok(found)
    }

    /// Reads the `limit` rows with the highest keys and the `limit` rows with the highest versions, as states. A row
    /// may occur twice. An owner asks for them at its start, to learn whether its database is older than its copies
    /// (ADR 15).
    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<Self::State>, DbErr> {
        newest_by_full_scan(self, db, limit).await
    }

    /// Returns the name of the copy's table; `None` for a consumer that applies states to rows of its own.
    fn table(&self) -> Option<&'static str> {
        None
    }

    /// Deletes the row with this key if it still has this version, so that the owner's state can take its place.
    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr>;

    /// Returns whether applying a state with this key would have an effect. By default it would, because a copy stores
    /// every state. A moderation decision about an aggregate that does not exist has no effect, so its absence is no
    /// drift.
    async fn can_apply(&self, _db: &Reads, _key: &Key) -> Result<bool, DbErr> {
        Ok(true)
    }

    /// Turns the owner's state into the form in which this copy stores it: without the fields that a tombstone loses
    /// (rule R6). Comparison and reconcile compare this form with the stored row.
    fn as_copied(&self, state: Self::State) -> Self::State {
        state
    }
}

/// The part of a copy that a process keeps in memory, so that requests need not query the database. It is fed with
/// applied states only, so it never knows more than the copy.
#[async_trait]
pub trait Memory<S: State>: Send + Sync + 'static {
    /// Merges states: of each key, the highest version is kept (rule R5).
    fn remember(&self, states: &[S]);

    /// Forgets a key whatever its version is, because the row was deleted and the owner sends the state again.
    fn forget(&self, key: &Key);

    /// Merges all rows of the copy.
    ///
    /// # Errors
    /// When the copy cannot be read.
    async fn load(&self, db: &Reads) -> Result<(), DbErr>;
}

/// The number of states per query when all rows of a copy are read.
const PAGE: u64 = 1_000;

/// Finds the newest rows by reading all rows, page by page. This suffices for copies that keep few rows;
/// [`Projection`](super::Projection) has queries of its own.
async fn newest_by_full_scan<C: StoredCopy + ?Sized>(copy: &C, db: &Reads, limit: u64) -> Result<Vec<C::State>, DbErr> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut last, mut highest): (Vec<C::State>, Vec<C::State>) = (Vec::new(), Vec::new());
    let mut after: Option<Key> = None;
    loop {
        let page = copy.page(db, after.as_ref(), PAGE).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.key());
        // Both lists are cut after each page, so that memory holds no more than a page beyond `limit`.
        highest.extend(page.iter().cloned());
        highest.sort_by_key(|state| std::cmp::Reverse(state.version()));
        highest.truncate(limit);
        last.extend(page);
        last.drain(..last.len().saturating_sub(limit));
    }
    last.extend(highest);
    Ok(last)
}

/// Applies and commits states in one transaction, on the pool that is reserved for consumers.
pub(super) async fn apply_in_transaction<C: Consumer + ?Sized>(
    consumer: &C,
    db: &Db,
    states: Vec<C::State>,
) -> Result<(), ApplyError> {
    let mut tx = db.begin_consuming().await?;
    consumer.apply(&mut tx, states).await?;
    Ok(tx.commit().await?)
}
