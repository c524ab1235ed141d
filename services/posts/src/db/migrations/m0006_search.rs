//! The index of words and that of tags, by which posts are found.
//!
//! Unlike other steps, this one uses the rules of the program, because the program asks for the words that it stores.

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use sea_orm_migration::prelude::{DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, text};
use shared::db::is_postgres;
use shared::text::{mentions, words};

/// The number of posts that are read at once.
const PAGE: u64 = 1_000;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if is_postgres(db) {
            db.execute_unprepared("CREATE TABLE post_words (post_id bigint PRIMARY KEY, tokens tsvector NOT NULL)")
                .await?;
            // Without a list of pending entries, which a search would have to read through.
            let index = "CREATE INDEX ix_post_words ON post_words USING gin (tokens) WITH (fastupdate = off)";
            db.execute_unprepared(index).await?;
        } else {
            // The index stores no text of its own, and no places of words, because nobody searches for phrases.
            let table = "CREATE VIRTUAL TABLE post_words USING \
                         fts5(tokens, content='', contentless_delete=1, detail=none, tokenize='ascii')";
            db.execute_unprepared(table).await?;
        }
        let tags = Table::create()
            .table("post_tags")
            .col(text("tag"))
            .col(big_integer("post_id"))
            .primary_key(Index::create().col("tag").col("post_id"))
            .to_owned();
        manager.create_table(tags).await?;
        // Finds the tags of a post that changes.
        let index = Index::create().name("ix_post_tags_post_id").table("post_tags").col("post_id").to_owned();
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
    title: String,
    content: String,
}

/// Adds the posts that are there already.
async fn fill(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let mut after = 0;
    loop {
        let select = Query::select()
            .columns(["id", "title", "content"])
            .from("posts")
            .and_where(Expr::col("id").gt(after))
            .and_where(Expr::col("title").is_not_null())
            .and_where(Expr::col("content").is_not_null())
            .order_by("id", Order::Asc)
            .limit(PAGE)
            .take();
        let rows = db.query_all(&select).await?;
        let rows: Vec<Row> = rows.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            let tokens = words::stored_tokens([row.title.as_str(), row.content.as_str()]).join(" ");
            let insert = if is_postgres(db) {
                "INSERT INTO post_words (post_id, tokens) VALUES ($1, array_to_tsvector(string_to_array($2, ' ')))"
            } else {
                "INSERT INTO post_words (rowid, tokens) VALUES ($1, $2)"
            };
            let values = [row.id.into(), tokens.into()];
            db.execute_raw(sea_orm::Statement::from_sql_and_values(db.get_database_backend(), insert, values)).await?;
            for tag in mentions::tags(&row.content) {
                let insert = Query::insert()
                    .into_table("post_tags")
                    .columns(["tag", "post_id"])
                    .values_panic([tag.into(), row.id.into()])
                    .take();
                db.execute(&insert).await?;
            }
        }
    }
}
