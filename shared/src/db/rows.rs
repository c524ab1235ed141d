//! Bulk statements: many rows in one statement and one round trip, with few distinct statement texts.
//!
//! Databases cache prepared statements by their text, and a statement with a list of values has another text for each
//! number of values. So on Postgres more than two rows travel as one JSON array (`json_populate_recordset`), whose
//! statement is the same for any number of rows. SQLite needs no round trip, and takes rows value by value, in groups
//! whose sizes are powers of two (ADR 10).

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, InsertStatement, IntoIden, OnConflict, Query, SelectStatement, Value, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityName, EntityTrait, FromQueryResult, IdenStatic, Iterable,
};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use super::dialect::is_postgres;
use super::watched::Statements;

/// The most rows that are bound value by value on Postgres; more travel as one JSON array. It cannot be three, which is
/// no power of two and would become two statements.
const MAX_BOUND_ROWS: usize = 2;
/// The most rows of one statement that binds values. It keeps a table of up to 127 columns below the limit of 32 766
/// parameters (<https://www.sqlite.org/limits.html>).
const MAX_ROWS: usize = 256;

type Entity<A> = <A as ActiveModelTrait>::Entity;
type Column<A> = <Entity<A> as EntityTrait>::Column;
type Model<A> = <Entity<A> as EntityTrait>::Model;

/// Inserts rows, all of which must have the same columns set. `conflict` says what happens to a row whose key exists;
/// without it such a row is an error.
///
/// On Postgres this is one statement. On SQLite it may be several, so it has to run in a transaction.
///
/// # Errors
/// When the database refuses a row or cannot be reached, or a value has a type that cannot be written as JSON here.
pub async fn insert_rows<A>(db: &impl ConnectionTrait, rows: Vec<A>, conflict: Option<OnConflict>) -> Result<(), DbErr>
where
    A: ActiveModelTrait,
{
    for statement in insert_statements(db, &rows, conflict)? {
        db.execute(&statement).await?;
    }
    Ok(())
}

/// Inserts rows as [`insert_rows`] does, and returns the rows that were stored, in any order.
///
/// # Errors
/// As [`insert_rows`].
pub async fn insert_rows_returning<A>(
    tx: &Statements,
    rows: Vec<A>,
    conflict: Option<OnConflict>,
) -> Result<Vec<Model<A>>, DbErr>
where
    A: ActiveModelTrait,
{
    let mut stored = Vec::with_capacity(rows.len());
    for mut statement in insert_statements(tx, &rows, conflict)? {
        statement.returning(Query::returning().columns(Column::<A>::iter()));
        for row in tx.query_all(&statement).await? {
            stored.push(Model::<A>::from_query_result(&row, "")?);
        }
    }
    Ok(stored)
}

/// Builds a query that yields the given rows, for a statement that joins with them. All rows must have the same columns
/// set.
///
/// On Postgres the rows are one parameter, so the statement is planned once for any number of rows. A list of values
/// would be planned again for each number.
///
/// # Errors
/// When a value has a type that cannot be written as JSON here.
pub fn select_given_rows<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    rows: impl IntoIterator<Item = A>,
) -> Result<SelectStatement, DbErr> {
    if is_postgres(db) {
        let (columns, rows) = columns_and_values(&rows.into_iter().collect::<Vec<A>>());
        return select_from_json::<A>(&columns, &rows);
    }
    let (columns, rows) = columns_and_values(&pad_to_power_of_two(rows));
    let mut select = Query::select();
    select.from_values(rows.into_iter().map(ValueTuple::Many), "rows");
    // SQLite names the columns of VALUES itself: column1, column2 and so on.
    for (number, column) in (1..).zip(&columns) {
        select.expr_as(Expr::col(format!("column{number}")), *column);
    }
    Ok(select)
}

/// Pads a list with copies of its last value to a length that is a power of two. A repeated value does not change a
/// condition such as `id IN (...)`, and lists of few distinct lengths make few statement texts to prepare.
pub fn pad_to_power_of_two<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// Builds the statements that insert the rows.
fn insert_statements<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    rows: &[A],
    conflict: Option<OnConflict>,
) -> Result<Vec<InsertStatement>, DbErr> {
    // An INSERT without rows is a mistake in SQL.
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (columns, rows) = columns_and_values(rows);
    let mut insert = Query::insert();
    insert.into_table(Entity::<A>::default()).columns(columns.iter().copied());
    if let Some(conflict) = conflict {
        insert.on_conflict(conflict);
    }
    let to_db_error = |error: sea_orm::sea_query::error::Error| DbErr::Custom(error.to_string());
    if is_postgres(db) && rows.len() > MAX_BOUND_ROWS {
        insert.select_from(select_from_json::<A>(&columns, &rows)?).map_err(to_db_error)?;
        return Ok(vec![insert]);
    }
    let insert_all = |rows: Vec<Vec<Value>>| {
        let mut insert = insert.clone();
        for row in rows {
            insert.values(row.into_iter().map(Expr::val)).map_err(to_db_error)?;
        }
        Ok(insert)
    };
    in_powers_of_two(rows).map(insert_all).collect()
}

/// Returns the columns that are set in the first row, and for each row its values in these columns.
fn columns_and_values<A: ActiveModelTrait>(rows: &[A]) -> (Vec<Column<A>>, Vec<Vec<Value>>) {
    // A statement has one list of columns, so the first row speaks for all.
    let is_set = |column: &Column<A>| rows.first().is_some_and(|row| !row.get(*column).is_not_set());
    let columns: Vec<Column<A>> = Column::<A>::iter().filter(is_set).collect();
    let rows = rows.iter().map(|row| columns.iter().filter_map(|column| row.get(*column).into_value()).collect());
    let rows = rows.collect();
    (columns, rows)
}

/// Builds a query in which Postgres reads a JSON array as rows of the entity's table
/// (<https://www.postgresql.org/docs/current/functions-json.html>, `json_populate_recordset`).
fn select_from_json<A: ActiveModelTrait>(columns: &[Column<A>], rows: &[Vec<Value>]) -> Result<SelectStatement, DbErr> {
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

/// Splits rows into parts whose lengths are powers of two. The largest possible part comes first.
fn in_powers_of_two<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = MAX_ROWS.min(1 << rows.len().checked_ilog2()?);
        Some(rows.by_ref().take(size).collect())
    })
}

/// One row as a JSON object, from column name to value.
struct JsonRow<'a> {
    names: &'a [&'a str],
    values: &'a [Value],
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(self.names.len()))?;
        for (name, value) in self.names.iter().zip(self.values) {
            // The types of columns that the suite has. A `None` in any of them becomes null.
            match value {
                Value::Bool(value) => row.serialize_entry(name, value)?,
                Value::SmallInt(value) => row.serialize_entry(name, value)?,
                Value::Int(value) => row.serialize_entry(name, value)?,
                Value::BigInt(value) => row.serialize_entry(name, value)?,
                Value::String(value) => row.serialize_entry(name, value)?,
                Value::Bytes(value) => row.serialize_entry(name, &value.as_deref().map(bytea))?,
                Value::Json(value) => row.serialize_entry(name, value)?,
                Value::ChronoDateTimeUtc(value) => row.serialize_entry(name, value)?,
                other => return Err(S::Error::custom(format!("{name} has a type that is not known here: {other:?}"))),
            }
        }
        row.end()
    }
}

/// Writes bytes in the hex format of `bytea` (<https://www.postgresql.org/docs/current/datatype-binary.html>), because
/// JSON has no bytes.
fn bytea(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hex_digit = |half: u8| DIGITS.get(usize::from(half)).map_or('0', |digit| char::from(*digit));
    "\\x".chars().chain(bytes.iter().flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 15)])).collect()
}
