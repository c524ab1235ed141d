//! The index by which people are found by masks over their names.
//!
//! Unlike other steps, this one uses the rules of the program, because the program asks for the tokens that it stores.

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager};
use shared::db::is_postgres;

use crate::domain::names;

/// The number of accounts that are read at once.
const PAGE: u64 = 1_000;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if is_postgres(db) {
            db.execute_unprepared("CREATE TABLE name_parts (user_id bigint PRIMARY KEY, tokens tsvector NOT NULL)")
                .await?;
            fill(db).await?;
            // An index over rows that are there already is made much faster. It has no list of pending entries, which a
            // search would have to read through.
            let index = "CREATE INDEX ix_name_parts ON name_parts USING gin (tokens) WITH (fastupdate = off)";
            db.execute_unprepared(index).await.map(|_| ())
        } else {
            let table = "CREATE VIRTUAL TABLE name_parts USING \
                         fts5(tokens, content='', contentless_delete=1, detail=none, tokenize='ascii')";
            db.execute_unprepared(table).await?;
            fill(db).await
        }
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The columns that this step reads.
#[derive(FromQueryResult)]
struct Row {
    id: i64,
    first_name_key: String,
    last_name_key: String,
    full_name_key: String,
}

/// Adds the parts of the names that are there already.
async fn fill(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let insert = if is_postgres(db) {
        "INSERT INTO name_parts (user_id, tokens) VALUES ($1, array_to_tsvector(string_to_array($2, ' ')))"
    } else {
        "INSERT INTO name_parts (rowid, tokens) VALUES ($1, $2)"
    };
    let mut after = 0;
    loop {
        let select = Query::select()
            .columns(["id", "first_name_key", "last_name_key", "full_name_key"])
            .from("users")
            .and_where(Expr::col("id").gt(after))
            .order_by("id", Order::Asc)
            .limit(PAGE)
            .take();
        let rows = db.query_all(&select).await?;
        let rows: Vec<Row> = rows.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            let keys = [&*row.first_name_key, &row.last_name_key, &row.full_name_key];
            let values = [row.id.into(), names::stored_parts(row.id, keys).into()];
            db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), insert, values)).await?;
        }
    }
}
