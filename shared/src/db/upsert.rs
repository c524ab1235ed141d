//! The versioned upsert: the one statement that makes copies converge.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, DbErr, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

/// Rows per statement at most, which keeps it below 32 766 parameters.
const ROWS: usize = 256;

/// Splits rows for multi-row statements: each part has a power of two, at most 256, so that few distinct texts are
/// prepared.
pub fn in_powers_of_two<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = ROWS.min(1 << rows.len().checked_ilog2()?);
        Some(rows.by_ref().take(size).collect())
    })
}

/// Repeats the last of the values up to a power of two, for lists in conditions, for the same reason.
pub fn padded<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// Inserts the rows, or updates the stored ones that have a lower version (rule R5). Stale rows change nothing.
///
/// Every column must be set in every row, keys must not repeat (Postgres refuses that, SQLite applies both), and the
/// rows should be sorted by key, so that concurrent batches cannot deadlock.
///
/// # Errors
/// What the database says.
pub async fn upsert_newer<A>(
    tx: &DatabaseTransaction,
    rows: Vec<A>,
    version: <A::Entity as EntityTrait>::Column,
) -> Result<(), DbErr>
where
    A: ActiveModelTrait + Send,
{
    type Columns<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;
    let keys = key_columns::<A::Entity>();
    let names: Vec<&str> = keys.iter().map(IdenStatic::as_str).collect();
    let others: Vec<Columns<A>> = Columns::<A>::iter().filter(|column| !names.contains(&column.as_str())).collect();
    for chunk in in_powers_of_two(rows) {
        let newer = Expr::col((Alias::new("excluded"), version)).gt(Expr::col((A::Entity::default(), version)));
        let conflict = OnConflict::columns(keys.iter().copied())
            .update_columns(others.iter().copied())
            .action_and_where(newer)
            .to_owned();
        A::Entity::insert_many(chunk).on_conflict(conflict).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The columns of a table's key.
pub(crate) fn key_columns<E: EntityTrait>() -> Vec<E::Column> {
    E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect()
}
