//! The versioned upsert: the one statement that makes copies converge.
//!
//! Messages arrive repeatedly and in any order. Keeping the highest version of each key makes their application
//! commutative, associative and idempotent (rule R5 in docs/convergence.md), so every copy applies states with this
//! statement.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

use super::rows::insert_rows;

/// Inserts rows, and replaces stored rows of the same key that have a lower version. A row that is not newer changes
/// nothing (rule R5 in docs/convergence.md).
///
/// `version` is the column that holds the version. Every column must be set in every row. Keys must not repeat:
/// Postgres refuses the statement then, and SQLite applies both rows. Rows should be sorted by key, so that concurrent
/// batches lock them in the same order and cannot deadlock.
///
/// # Errors
/// When the database refuses a row or cannot be reached.
pub async fn upsert_newer<A>(
    db: &impl ConnectionTrait,
    rows: Vec<A>,
    version: <A::Entity as EntityTrait>::Column,
) -> Result<(), DbErr>
where
    A: ActiveModelTrait,
{
    type Columns<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Column;
    let keys = key_columns::<A::Entity>();
    let key_names: Vec<&str> = keys.iter().map(IdenStatic::as_str).collect();
    let others: Vec<Columns<A>> = Columns::<A>::iter().filter(|column| !key_names.contains(&column.as_str())).collect();
    // The condition is part of the statement, so that it holds under the lock of the stored row.
    let is_newer = Expr::col((Alias::new("excluded"), version)).gt(Expr::col((A::Entity::default(), version)));
    let conflict = OnConflict::columns(keys).update_columns(others).action_and_where(is_newer).to_owned();
    insert_rows(db, rows, Some(conflict)).await
}

/// Returns the columns of a table's primary key.
pub(crate) fn key_columns<E: EntityTrait>() -> Vec<E::Column> {
    E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect()
}
