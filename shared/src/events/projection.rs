//! Projections: copies of one table each, whose columns are the fields that this service reads of the owner's states.
//!
//! [`Projection`] is the complete consumer of such a copy: it applies states by a versioned upsert (rule R5 in
//! docs/convergence.md), and reads and deletes rows for comparison and repair. A service only names the columns.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ActiveModelBehavior, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityName, EntityTrait, FromQueryResult,
    IntoActiveModel, ModelTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::apply_error::ApplyError;
use super::consumer::{Consumer, Memory, StoredCopy, apply_in_transaction};
use crate::db::{Reads, is_postgres, key_columns, pad_to_power_of_two, upsert_newer};
use crate::outbox::{Key, State};
use crate::work::{Db, Tx};

/// The number of states per query when a memory is loaded.
const PAGE: u64 = 1_000;

/// A row of a copy. The type is at the same time the state as this service reads it from a message: the columns of the
/// row are the fields of the state.
pub trait ProjectionRow:
    State
    + FromQueryResult
    + ModelTrait<Entity: EntityTrait<Model = Self>>
    + IntoActiveModel<<Self::Entity as EntityTrait>::ActiveModel>
{
    /// The column of the version.
    const VERSION: <Self::Entity as EntityTrait>::Column;

    /// Empties the fields that a tombstone loses: a tombstone keeps its key and its version only (rule R6 in
    /// docs/convergence.md). A state that is no tombstone is unchanged.
    #[must_use]
    fn without_tombstone_fields(self) -> Self {
        self
    }

    /// True when the service derives other rows from those of the copy, see [`ProjectionRow::store_derived`].
    const HAS_DERIVED: bool = false;

    /// Replaces everything that is derived from these rows, as a part of the transaction that has applied their states.
    /// The rows are those that are stored now, so what is derived is a function of the copy, whatever the order of the
    /// messages was.
    fn store_derived(_tx: &mut Tx, _rows: &[Self]) -> impl Future<Output = Result<(), DbErr>> + Send {
        async { Ok(()) }
    }

    /// Deletes everything that is derived from the row with this key, which is deleted because its owner does not know it.
    fn delete_derived(_tx: &Tx, _key: &Key) -> impl Future<Output = Result<(), DbErr>> + Send {
        async { Ok(()) }
    }
}

/// Merges all rows of a copy into a memory, page by page. This is the usual implementation of [`Memory::load`].
///
/// # Errors
/// When the copy cannot be read. The pages that were read before stay merged.
pub async fn load_pages<R: ProjectionRow>(memory: &(impl Memory<R> + ?Sized), db: &Reads) -> Result<(), DbErr> {
    let mut after: Option<Key> = None;
    loop {
        let rows = page::<R>(db, after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.key());
        // Merging by version keeps newer states that a consumer applies while this runs.
        memory.remember(&rows);
    }
}

/// The consumer of a stream whose copy is the table of `R`.
pub struct Projection<R> {
    memory: Option<Box<dyn Memory<R>>>,
}

impl<R: ProjectionRow> Projection<R> {
    /// Creates a consumer whose copy is in the database only.
    pub fn new() -> Self {
        Self { memory: None }
    }

    /// Creates a consumer whose applied states are also merged into `memory`.
    pub fn with_memory(memory: impl Memory<R>) -> Self {
        Self { memory: Some(Box::new(memory)) }
    }
}

impl<R: ProjectionRow> Default for Projection<R> {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl<R> Consumer for Projection<R>
where
    R: ProjectionRow,
    <R::Entity as EntityTrait>::ActiveModel: ActiveModelBehavior + Send,
{
    type State = R;

    async fn apply(&self, tx: &mut Tx, states: Vec<R>) -> Result<(), ApplyError> {
        let keys: Vec<Key> = if R::HAS_DERIVED { states.iter().map(State::key).collect() } else { Vec::new() };
        upsert_newer(&**tx, as_active_models(states), R::VERSION).await?;
        if R::HAS_DERIVED {
            // A state that was not newer has locked its row all the same, so nobody else derives from it meanwhile.
            let rows = find::<R>(&**tx, &keys).await?;
            R::store_derived(tx, &rows).await?;
        }
        Ok(())
    }

    /// Applies and commits the states. On Postgres the upsert is one statement, which is a transaction by itself: one
    /// round trip instead of three. On SQLite it may be several statements.
    async fn store(&self, db: &Db, states: Vec<R>) -> Result<(), ApplyError> {
        if is_postgres(db.consume()) && !R::HAS_DERIVED {
            return Ok(upsert_newer(db.consume(), as_active_models(states), R::VERSION).await?);
        }
        apply_in_transaction(self, db, states).await
    }

    fn memory(&self) -> Option<&dyn Memory<R>> {
        self.memory.as_deref()
    }
}

#[async_trait]
impl<R> StoredCopy for Projection<R>
where
    R: ProjectionRow,
    <R::Entity as EntityTrait>::ActiveModel: ActiveModelBehavior + Send,
{
    fn table(&self) -> Option<&'static str> {
        Some(R::Entity::default().table_name())
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<R>, DbErr> {
        page(db, after, limit).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<R>, DbErr> {
        find(db, keys).await
    }

    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<R>, DbErr> {
        let rows = || R::Entity::find().filter(Expr::col(R::VERSION).gt(0)).limit(limit);
        let by_key = key_columns::<R::Entity>().into_iter().fold(rows(), QueryOrder::order_by_desc);
        let mut newest = by_key.all(db).await?;
        newest.extend(rows().order_by_desc(R::VERSION).all(db).await?);
        Ok(newest)
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        // The version is a condition, so that a state that has arrived meanwhile is not deleted.
        let row = has_key(&key_columns::<R::Entity>(), key).add(Expr::col(R::VERSION).eq(version));
        let deleted = R::Entity::delete_many().filter(row).exec(&**tx).await?;
        if deleted.rows_affected > 0 { R::delete_derived(tx, key).await } else { Ok(()) }
    }

    fn as_copied(&self, state: R) -> R {
        state.without_tombstone_fields()
    }
}

/// Reads the rows of these keys. Keys without a row are left out.
async fn find<R: ProjectionRow>(db: &impl ConnectionTrait, keys: &[Key]) -> Result<Vec<R>, DbErr> {
    // A key of another length is none of this copy. Its first id alone would match many rows.
    let length = key_columns::<R::Entity>().len();
    let keys: Vec<Key> = keys.iter().filter(|key| key.0.len() == length).cloned().collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    // Padding to a power of two keeps the number of different statements, and so of prepared ones, small.
    let keys = pad_to_power_of_two(keys);
    let matches_any = match key_columns::<R::Entity>().as_slice() {
        [id] => Condition::all().add(Expr::col(*id).is_in(keys.iter().map(Key::first))),
        columns => keys.iter().fold(Condition::any(), |any, key| any.add(has_key(columns, key))),
    };
    R::Entity::find().filter(Expr::col(R::VERSION).gt(0)).filter(matches_any).all(db).await
}

/// Builds the condition that a row has this key.
fn has_key<C: ColumnTrait>(columns: &[C], key: &Key) -> Condition {
    let columns = columns.iter().zip(&key.0);
    columns.fold(Condition::all(), |row, (column, id)| row.add(Expr::col(*column).eq(*id)))
}

/// Turns states into the rows that the copy stores.
fn as_active_models<R: ProjectionRow>(states: Vec<R>) -> Vec<<R::Entity as EntityTrait>::ActiveModel> {
    states.into_iter().map(|state| state.without_tombstone_fields().into_active_model()).collect()
}

/// Reads up to `limit` rows with keys above `after`, in the order of their keys; without `after` from the first key on.
///
/// Version 0 marks a name that was taken from a writer's token before the owner's state arrived (rule R10). It is no
/// state of the owner, so such rows are left out here and in the other queries.
async fn page<R: ProjectionRow>(db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<R>, DbErr> {
    let columns = key_columns::<R::Entity>();
    let mut rows = R::Entity::find().filter(Expr::col(R::VERSION).gt(0));
    if let Some(after) = after {
        let ids = after.0.iter().map(|id| Expr::val(*id));
        rows = rows.filter(match columns.as_slice() {
            [id] => Expr::col(*id).gt(after.first()),
            // A comparison of row values is one range of the key's index; a chain of AND and OR would not be.
            pair => Expr::tuple(pair.iter().map(|column| SimpleExpr::from(Expr::col(*column)))).gt(Expr::tuple(ids)),
        });
    }
    for column in columns {
        rows = rows.order_by_asc(column);
    }
    rows.limit(limit).all(db).await
}
