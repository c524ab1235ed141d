//! Many rows at once: one statement and one round trip however many there are, and few distinct texts to prepare.

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, InsertStatement, IntoIden, OnConflict, Query, SelectStatement, Value, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityName, EntityTrait, FromQueryResult, IdenStatic, Iterable,
};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use super::{Statements, is_postgres};

/// Up to so many rows are bound value by value; more travel to Postgres as one JSON array. At most two, since three would be two
/// statements there.
const FEW: usize = 2;
/// Rows per statement on SQLite at most, which keeps it below 32 766 parameters.
const ROWS: usize = 256;

type Entity<A> = <A as ActiveModelTrait>::Entity;
type Column<A> = <Entity<A> as EntityTrait>::Column;
type Model<A> = <Entity<A> as EntityTrait>::Model;

/// Inserts rows, all of which have the same columns set. On Postgres it is one statement, on SQLite it may be several, which
/// need a transaction around them.
///
/// # Errors
/// What the database says.
pub async fn insert_rows<A>(db: &impl ConnectionTrait, rows: Vec<A>, conflict: Option<OnConflict>) -> Result<(), DbErr>
where
    A: ActiveModelTrait,
{
    for statement in statements(db, &rows, conflict)? {
        db.execute(&statement).await?;
    }
    Ok(())
}

/// Inserts rows as [`insert_rows`] does, and answers those that were stored, in any order.
///
/// # Errors
/// What the database says.
pub async fn insert_rows_returning<A>(
    tx: &Statements,
    rows: Vec<A>,
    conflict: Option<OnConflict>,
) -> Result<Vec<Model<A>>, DbErr>
where
    A: ActiveModelTrait,
{
    let mut stored = Vec::with_capacity(rows.len());
    for mut statement in statements(tx, &rows, conflict)? {
        statement.returning(Query::returning().columns(Column::<A>::iter()));
        for row in tx.query_all(&statement).await? {
            stored.push(Model::<A>::from_query_result(&row, "")?);
        }
    }
    Ok(stored)
}

/// Rows to join with, all of which have the same columns set: a query that yields these columns. Postgres plans it once for
/// any number of rows, where a list of values would be planned anew each time.
///
/// # Errors
/// When a value has a type that is not known here.
pub fn given_rows<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    rows: impl IntoIterator<Item = A>,
) -> Result<SelectStatement, DbErr> {
    if is_postgres(db) {
        let (columns, rows) = values(&rows.into_iter().collect::<Vec<A>>());
        return from_json::<A>(&columns, &rows);
    }
    let (columns, rows) = values(&padded(rows));
    let mut select = Query::select();
    select.from_values(rows.into_iter().map(ValueTuple::Many), "rows");
    for (number, column) in (1..).zip(&columns) {
        select.expr_as(Expr::col(format!("column{number}")), *column);
    }
    Ok(select)
}

/// Repeats the last of the values up to a power of two, for lists in conditions, so that few texts are prepared.
pub fn padded<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

fn statements<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    rows: &[A],
    conflict: Option<OnConflict>,
) -> Result<Vec<InsertStatement>, DbErr> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (columns, rows) = values(rows);
    let mut insert = Query::insert();
    insert.into_table(Entity::<A>::default()).columns(columns.iter().copied());
    if let Some(conflict) = conflict {
        insert.on_conflict(conflict);
    }
    let cannot = |error: sea_orm::sea_query::error::Error| DbErr::Custom(error.to_string());
    if is_postgres(db) && rows.len() > FEW {
        insert.select_from(from_json::<A>(&columns, &rows)?).map_err(cannot)?;
        return Ok(vec![insert]);
    }
    let insert_all = |rows: Vec<Vec<Value>>| {
        let mut insert = insert.clone();
        for row in rows {
            insert.values(row.into_iter().map(Expr::val)).map_err(cannot)?;
        }
        Ok(insert)
    };
    in_powers_of_two(rows).map(insert_all).collect()
}

/// The columns that are set in the first row, and the values of all rows in these.
fn values<A: ActiveModelTrait>(rows: &[A]) -> (Vec<Column<A>>, Vec<Vec<Value>>) {
    let is_set = |column: &Column<A>| rows.first().is_some_and(|row| !row.get(*column).is_not_set());
    let columns: Vec<Column<A>> = Column::<A>::iter().filter(is_set).collect();
    let rows = rows.iter().map(|row| columns.iter().filter_map(|column| row.get(*column).into_value()).collect());
    let rows = rows.collect();
    (columns, rows)
}

/// The rows of a JSON array, read by Postgres as rows of the table.
fn from_json<A: ActiveModelTrait>(columns: &[Column<A>], rows: &[Vec<Value>]) -> Result<SelectStatement, DbErr> {
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let rows: Vec<JsonRow<'_>> = rows.iter().map(|values| JsonRow { names: &names, values }).collect();
    let json = serde_json::to_string(&rows).map_err(|error| DbErr::Json(error.to_string()))?;
    let row_type = Alias::new(Entity::<A>::default().table_name());
    let function = Func::cust("json_populate_recordset")
        .arg(Expr::cust("NULL").cast_as(row_type))
        .arg(Expr::val(json).cast_as("json"));
    let mut select = Query::select();
    select.columns(columns.iter().copied()).from_function(function, "rows".into_iden());
    Ok(select)
}

/// Splits rows into parts of a power of two each.
fn in_powers_of_two<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = ROWS.min(1 << rows.len().checked_ilog2()?);
        Some(rows.by_ref().take(size).collect())
    })
}

struct JsonRow<'a> {
    names: &'a [&'a str],
    values: &'a [Value],
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(self.names.len()))?;
        for (name, value) in self.names.iter().zip(self.values) {
            match value {
                Value::Bool(value) => row.serialize_entry(name, value)?,
                Value::SmallInt(value) => row.serialize_entry(name, value)?,
                Value::Int(value) => row.serialize_entry(name, value)?,
                Value::BigInt(value) => row.serialize_entry(name, value)?,
                Value::String(value) => row.serialize_entry(name, value)?,
                Value::Bytes(value) => row.serialize_entry(name, &value.as_deref().map(bytea))?,
                Value::ChronoDateTimeUtc(value) => row.serialize_entry(name, value)?,
                other => return Err(S::Error::custom(format!("{name} has a type that is not known here: {other:?}"))),
            }
        }
        row.end()
    }
}

/// Bytes as Postgres reads them from text.
fn bytea(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).map_or('0', |digit| char::from(*digit));
    "\\x".chars().chain(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])).collect()
}
