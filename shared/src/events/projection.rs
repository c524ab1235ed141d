//! Projections: copies that are one table each, whose rows are the states as their owner sends them.

use std::marker::PhantomData;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ActiveModelBehavior, ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, ModelTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::consumer::{ApplyError, Consumer, in_transaction};
use super::envelope::{Key, State};
use crate::db::{Db, Reads, Tx, is_postgres, key_columns, padded, upsert_newer};

/// States per query when memory is filled.
const PAGE: u64 = 1_000;

/// A row of a copy. It is the owner's state at the same time: its fields are what this service reads of it.
pub trait ProjectionRow:
    State
    + FromQueryResult
    + ModelTrait<Entity: EntityTrait<Model = Self>>
    + IntoActiveModel<<Self::Entity as EntityTrait>::ActiveModel>
{
    /// The column that holds the version.
    const VERSION: <Self::Entity as EntityTrait>::Column;

    /// The state as it is kept: a tombstone has key and version only (rule R6).
    #[must_use]
    fn kept(self) -> Self {
        self
    }
}

/// What a process remembers of a copy, so that requests need not ask the database. Fed by applied states only.
#[async_trait]
pub trait Memory<R: ProjectionRow>: Send + Sync + 'static {
    /// Whether anything is remembered at all.
    const REMEMBERS: bool = true;

    /// Merges rows by version.
    fn remember(&self, rows: &[R]);

    /// Forgets a row, whatever its version was: the owner sends it again.
    fn forget(&self, key: &Key);

    /// Merges the whole copy.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        load_pages(self, db).await
    }
}

/// Merges the whole copy page by page: how memory is filled that has nothing else to do.
///
/// # Errors
/// When the copy cannot be read.
pub async fn load_pages<R: ProjectionRow>(memory: &(impl Memory<R> + ?Sized), db: &Reads) -> Result<(), DbErr> {
    let mut after: Option<Key> = None;
    loop {
        let rows = page::<R>(db, after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.key());
        memory.remember(&rows);
    }
}

/// Nothing is remembered.
#[async_trait]
impl<R: ProjectionRow> Memory<R> for () {
    const REMEMBERS: bool = false;

    fn remember(&self, _rows: &[R]) {}

    fn forget(&self, _key: &Key) {}

    async fn load(&self, _db: &Reads) -> Result<(), DbErr> {
        Ok(())
    }
}

/// The consumer of a stream whose copy is the table of `R`.
pub struct Projection<R, M = ()> {
    memory: M,
    rows: PhantomData<fn() -> R>,
}

impl<R: ProjectionRow> Projection<R> {
    /// A copy in the database alone.
    pub fn new() -> Self {
        Self::with_memory(())
    }
}

impl<R: ProjectionRow> Default for Projection<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: ProjectionRow, M: Memory<R>> Projection<R, M> {
    /// A copy that memory follows.
    pub fn with_memory(memory: M) -> Self {
        Self { memory, rows: PhantomData }
    }
}

#[async_trait]
impl<R, M> Consumer for Projection<R, M>
where
    R: ProjectionRow,
    M: Memory<R>,
    <R::Entity as EntityTrait>::ActiveModel: ActiveModelBehavior + Send,
{
    type State = R;

    async fn apply(&self, tx: &mut Tx, states: Vec<R>) -> Result<(), ApplyError> {
        Ok(upsert_newer(&**tx, rows(states), R::VERSION).await?)
    }

    /// On Postgres the one statement is a transaction by itself: one answer to wait for instead of three.
    async fn store(&self, db: &Db, states: Vec<R>) -> Result<(), ApplyError> {
        if is_postgres(db.consume()) {
            return Ok(upsert_newer(db.consume(), rows(states), R::VERSION).await?);
        }
        in_transaction(self, db, states).await
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<R>, DbErr> {
        page(db, after, limit).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<R>, DbErr> {
        let keys = padded(keys.iter().cloned());
        let is_one = match key_columns::<R::Entity>().as_slice() {
            [id] => Condition::all().add(Expr::col(*id).is_in(keys.iter().map(Key::first))),
            columns => keys.iter().fold(Condition::any(), |any, key| any.add(is_key(columns, key))),
        };
        R::Entity::find().filter(Expr::col(R::VERSION).gt(0)).filter(is_one).all(db).await
    }

    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<R>, DbErr> {
        let rows = || R::Entity::find().filter(Expr::col(R::VERSION).gt(0)).limit(limit);
        let by_key = key_columns::<R::Entity>().into_iter().fold(rows(), QueryOrder::order_by_desc);
        let mut newest = by_key.all(db).await?;
        newest.extend(rows().order_by_desc(R::VERSION).all(db).await?);
        Ok(newest)
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let row = is_key(&key_columns::<R::Entity>(), key).add(Expr::col(R::VERSION).eq(version));
        R::Entity::delete_many().filter(row).exec(&**tx).await.map(|_| ())
    }

    fn remembers(&self) -> bool {
        M::REMEMBERS
    }

    fn remember(&self, states: &[R]) {
        self.memory.remember(states);
    }

    fn forget(&self, key: &Key) {
        self.memory.forget(key);
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        self.memory.load(db).await
    }

    fn view(&self, state: R) -> R {
        state.kept()
    }
}

/// The row with this key.
fn is_key<C: ColumnTrait>(columns: &[C], key: &Key) -> Condition {
    let columns = columns.iter().zip(&key.0);
    columns.fold(Condition::all(), |row, (column, id)| row.add(Expr::col(*column).eq(*id)))
}

/// States as rows of their copy.
fn rows<R: ProjectionRow>(states: Vec<R>) -> Vec<<R::Entity as EntityTrait>::ActiveModel> {
    states.into_iter().map(|state| state.kept().into_active_model()).collect()
}

/// Rows in the order of their keys. Version 0 is no state of the owner: somebody's name from a token, until it arrives.
async fn page<R: ProjectionRow>(db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<R>, DbErr> {
    let columns = key_columns::<R::Entity>();
    let mut rows = R::Entity::find().filter(Expr::col(R::VERSION).gt(0));
    if let Some(after) = after {
        let ids = after.0.iter().map(|id| Expr::val(*id));
        rows = rows.filter(match columns.as_slice() {
            [id] => Expr::col(*id).gt(after.first()),
            pair => Expr::tuple(pair.iter().map(|column| SimpleExpr::from(Expr::col(*column)))).gt(Expr::tuple(ids)),
        });
    }
    for column in columns {
        rows = rows.order_by_asc(column);
    }
    rows.limit(limit).all(db).await
}
