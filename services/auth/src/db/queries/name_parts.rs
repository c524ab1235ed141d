//! The SQL statements on the index `name_parts`, by which people are found by the parts of their names. It has the form
//! that each of the two databases has for it, and holds the tokens of `names::stored_parts`, which neither database
//! interprets.
//!
//! Postgres reads all matches of a search before it can sort them. A page of a frequent part lies among few neighbours,
//! so a search first asks for the blocks of ids in which the page begins, and then for all others.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryOrder, QuerySelect, Statement, Value};
use shared::db::is_postgres;
use shared::ids::MAX_ID;

use crate::db::entities::users::{Column, Entity, Model as User};
use crate::domain::names::{self, Mask};

/// The number of candidates that are read at first. Each time there are four times as many, up to [`MAX_CHUNK`].
const FIRST_CHUNK: u64 = 64;
/// The most candidates that are read at once.
const MAX_CHUNK: u64 = 4_096;

/// Stores the tokens of a person's names in place of the earlier ones.
pub(crate) async fn replace(db: &impl ConnectionTrait, user: &User) -> Result<(), DbErr> {
    let tokens = names::stored_parts(user.id, [&user.first_name_key, &user.last_name_key, &user.full_name_key]);
    let sql = if is_postgres(db) {
        "INSERT INTO name_parts (user_id, tokens) VALUES ($1, array_to_tsvector(string_to_array($2, ' '))) \
         ON CONFLICT (user_id) DO UPDATE SET tokens = excluded.tokens"
    } else {
        // A plain INSERT of the same row would leave the old names findable.
        "INSERT OR REPLACE INTO name_parts (rowid, tokens) VALUES ($1, $2)"
    };
    execute(db, sql, [user.id.into(), tokens.into()]).await
}

/// Deletes the tokens of a person.
pub(crate) async fn delete(db: &impl ConnectionTrait, user: i64) -> Result<(), DbErr> {
    let sql = if is_postgres(db) {
        "DELETE FROM name_parts WHERE user_id = $1"
    } else {
        "DELETE FROM name_parts WHERE rowid = $1"
    };
    execute(db, sql, [user.into()]).await
}

/// Deletes the tokens of people who were erased, which a program that does not know this table has left.
pub(crate) async fn delete_leftovers(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let sql = if is_postgres(db) {
        "DELETE FROM name_parts WHERE user_id IN (SELECT id FROM erased_users)"
    } else {
        "DELETE FROM name_parts WHERE rowid IN (SELECT id FROM erased_users)"
    };
    execute(db, sql, []).await
}

/// Removes what the index of SQLite still holds of deleted people: a deletion only marks them, and their tokens stay in
/// the file until parts of the index are merged. Postgres does that by itself.
pub(crate) async fn purge(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if is_postgres(db) {
        return Ok(());
    }
    execute(db, "INSERT INTO name_parts (name_parts) VALUES ('optimize')", []).await
}

async fn execute<const N: usize>(db: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> Result<(), DbErr> {
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await.map(|_| ())
}

/// A search for people whose names have all parts of a mask. They may still not match the mask.
pub(crate) struct Search {
    parts: Vec<String>,
    /// All candidates from this id on have been read.
    below: i64,
    /// The older of the two blocks that are searched before all others.
    near: Option<i64>,
    chunk: u64,
    is_over: bool,
}

impl Search {
    /// Begins a search below the id `after`, or among all people. Returns `None` for a mask without parts.
    pub(crate) async fn begin(
        db: &impl ConnectionTrait,
        mask: &Mask,
        after: Option<i64>,
    ) -> Result<Option<Self>, DbErr> {
        if mask.parts.is_empty() {
            return Ok(None);
        }
        let newest = match after {
            Some(after) => after,
            None => newest(db).await?,
        };
        Ok(Some(Self {
            parts: mask.parts.iter().cloned().collect(),
            below: after.unwrap_or(MAX_ID + 1),
            near: Some(0.max(names::block(newest) - 1)),
            chunk: FIRST_CHUNK,
            is_over: false,
        }))
    }

    /// Reads the next candidates, newest first. Returns `None` when there are no more.
    pub(crate) async fn next(&mut self, db: &impl ConnectionTrait) -> Result<Option<Vec<i64>>, DbErr> {
        while !self.is_over {
            let ids = self.read(db).await?;
            if let Some(last) = ids.last() {
                self.below = *last;
            }
            if (ids.len() as u64) < self.chunk {
                let start = self.near.take().map(names::first_of_block);
                self.below = start.unwrap_or_default();
                self.is_over = self.below <= 1;
            }
            // A mask that few of its candidates match shall not need many statements.
            self.chunk = MAX_CHUNK.min(self.chunk * 4);
            if !ids.is_empty() {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }

    async fn read(&self, db: &impl ConnectionTrait) -> Result<Vec<i64>, DbErr> {
        let sql = if is_postgres(db) {
            // All matches are found before they are sorted, because Postgres would otherwise go through the people until
            // enough of them match, and there may be none.
            "WITH found AS MATERIALIZED \
             (SELECT user_id AS id FROM name_parts WHERE tokens @@ $1::tsquery AND user_id < $2) \
             SELECT id FROM found ORDER BY id DESC LIMIT $3"
        } else {
            "SELECT rowid AS id FROM name_parts WHERE name_parts MATCH $1 AND rowid < $2 ORDER BY rowid DESC LIMIT $3"
        };
        let values = [self.expression(is_postgres(db)).into(), self.below.into(), self.chunk.into()];
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let found = Found::find_by_statement(statement).all(db).await?;
        Ok(found.into_iter().map(|found| found.id).collect())
    }

    /// Returns the condition on the tokens, as a `tsquery` for Postgres or an expression for FTS5.
    fn expression(&self, postgres: bool) -> String {
        // In FTS5, quotes keep a token apart from keywords and column names.
        let (and, or, quote) = if postgres { (" & ", " | ", "") } else { (" AND ", " OR ", "\"") };
        let quoted = |token: &str| format!("{quote}{token}{quote}");
        let mut all: Vec<String> = self.parts.iter().map(|part| quoted(part)).collect();
        if let Some(block) = self.near {
            let blocks = [block, block + 1].map(|block| quoted(&names::block_token(block)));
            all.push(format!("({})", blocks.join(or)));
        }
        all.join(and)
    }
}

#[derive(FromQueryResult)]
struct Found {
    id: i64,
}

/// Returns the id of the newest account, or 0.
async fn newest(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let newest = Entity::find().select_only().column(Column::Id).order_by_desc(Column::Id).limit(1);
    Ok(newest.into_tuple().one(db).await?.unwrap_or(0))
}
