//! The table by which people are found by the beginning of their names.
//!
//! Unlike other steps, this one uses the rules of the program, because the program asks for the tokens that it stores.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;
use shared::db::is_postgres;
use shared::text::words::name_tokens;

/// The number of accounts that are read at once.
const PAGE: u64 = 1_000;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // Tokens are compared byte by byte, so that those with the same beginning are one range of the index. SQLite
        // compares text so anyway.
        let token = if is_postgres(db) { "text COLLATE \"C\"" } else { "text" };
        let table = Table::create()
            .table("name_tokens")
            .col(ColumnDef::new("token").custom(token).not_null())
            .col(big_integer("user_id"))
            .primary_key(Index::create().col("token").col("user_id"))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create().name("ix_name_tokens_user_id").table("name_tokens").col("user_id").to_owned();
        manager.create_index(index).await?;
        fill(db).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The columns that this step reads.
#[derive(FromQueryResult)]
struct Row {
    id: i64,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
}

/// Adds the tokens of the accounts that are there already.
async fn fill(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut after = 0;
    loop {
        let select = Query::select()
            .columns(["id", "username", "first_name", "last_name"])
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
            for token in name_tokens(&row.username, row.first_name.as_deref(), row.last_name.as_deref()) {
                let insert = Query::insert()
                    .into_table("name_tokens")
                    .columns(["token", "user_id"])
                    .values_panic([token.into(), row.id.into()])
                    .take();
                db.execute(&insert).await?;
            }
        }
    }
}
