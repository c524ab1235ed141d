//! The versioned upsert: the one statement that makes copies converge.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn};

use super::rows::insert_rows;

/// Inserts the rows, or updates the stored ones that have a lower version (rule R5). Stale rows change nothing.
///
/// Every column must be set in every row, keys must not repeat (Postgres refuses that, SQLite applies both), and the
/// rows should be sorted by key, so that concurrent batches cannot deadlock.
///
/// # Errors
/// What the database says.
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
    let names: Vec<&str> = keys.iter().map(IdenStatic::as_str).collect();
    let others: Vec<Columns<A>> = Columns::<A>::iter().filter(|column| !names.contains(&column.as_str())).collect();
    let newer = Expr::col((Alias::new("excluded"), version)).gt(Expr::col((A::Entity::default(), version)));
    let conflict = OnConflict::columns(keys).update_columns(others).action_and_where(newer).to_owned();
    insert_rows(db, rows, Some(conflict)).await
}

/// The columns of a table's key.
pub(crate) fn key_columns<E: EntityTrait>() -> Vec<E::Column> {
    E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect()
}
