//! The SQL statements of search: the index of words, in the form that each of the two databases has for it, and the
//! table `post_tags`.
//!
//! The index holds the tokens of `shared::text::words`, which neither database interprets, so both find the same. A post
//! is indexed by the transaction that changes it. Whether it is shown is decided when it is found (rule R9 of
//! `docs/convergence.md`), so a removed post stays in the index.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, Order, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};
use shared::db::{insert_rows, is_postgres, pad_to_power_of_two};
use shared::ids::MAX_ID;
use shared::text::mentions::tags;
use shared::text::words::{WordQuery, stored_tokens};
use shared::work::Tx;

use super::posts as post_queries;
use crate::db::entities::{post_tags, posts};
use crate::domain::ids::PostId;

/// The number of newest matches among which the best ones are found. Reading all matches of a frequent word would cost
/// as much as reading all posts.
const RANKED: u64 = 200;

/// Indexes these posts as they are now. A post that its author has deleted leaves the index.
pub(crate) async fn index(tx: &Tx, rows: &[posts::Model]) -> Result<(), DbErr> {
    for row in rows {
        match (&row.title, &row.content) {
            (Some(title), Some(content)) => {
                index_words(tx, row.id, &stored_tokens([title.as_str(), content.as_str()])).await?;
            }
            _ => forget_words(tx, row.id).await?,
        }
    }
    let ids = pad_to_power_of_two(rows.iter().map(|row| row.id));
    post_tags::Entity::delete_many().filter(post_tags::Column::PostId.is_in(ids)).exec(&**tx).await?;
    let tagged = rows.iter().flat_map(|row| {
        let tags = row.content.as_deref().map(tags).unwrap_or_default();
        tags.into_iter().map(|tag| post_tags::ActiveModel { tag: Set(tag), post_id: Set(row.id) })
    });
    insert_rows(&**tx, tagged.collect(), None).await
}

async fn index_words(tx: &Tx, id: PostId, tokens: &[String]) -> Result<(), DbErr> {
    let sql = if is_postgres(&**tx) {
        "INSERT INTO post_words (post_id, tokens) VALUES ($1, array_to_tsvector(string_to_array($2, ' '))) \
         ON CONFLICT (post_id) DO UPDATE SET tokens = excluded.tokens"
    } else {
        // A plain INSERT of the same row would leave the old words findable.
        "INSERT OR REPLACE INTO post_words (rowid, tokens) VALUES ($1, $2)"
    };
    execute(tx, sql, [id.into(), tokens.join(" ").into()]).await
}

async fn forget_words(tx: &Tx, id: PostId) -> Result<(), DbErr> {
    let sql = if is_postgres(&**tx) {
        "DELETE FROM post_words WHERE post_id = $1"
    } else {
        "DELETE FROM post_words WHERE rowid = $1"
    };
    execute(tx, sql, [id.into()]).await
}

/// Removes what the index of SQLite still holds of deleted posts: a deletion only marks them, and their words stay in the
/// file until parts of the index are merged. Postgres does that by itself.
pub(crate) async fn purge(tx: &Tx) -> Result<(), DbErr> {
    if is_postgres(&**tx) {
        return Ok(());
    }
    execute(tx, "INSERT INTO post_words (post_words) VALUES ('optimize')", []).await
}

async fn execute<const N: usize>(tx: &Tx, sql: &str, values: [sea_orm::Value; N]) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await.map(|_| ())
}

/// A post that may be among the best matches, with its title and content.
pub(crate) type Candidate = (PostId, Option<String>, Option<String>);

#[derive(FromQueryResult)]
struct Found {
    id: PostId,
}

/// Finds up to `limit` visible posts that have all words of a query, newest first, all older than `below` if it is given.
pub(crate) async fn find_newest(
    db: &impl ConnectionTrait,
    query: &WordQuery,
    below: Option<i64>,
    limit: u64,
) -> Result<Vec<PostId>, DbErr> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    // The names of the column that holds the id, and the condition by which each database finds the words.
    let (id, matches) = if is_postgres(db) {
        ("post_id", Expr::cust_with_values("tokens @@ $1::tsquery", [query.tsquery()]))
    } else {
        ("rowid", Expr::cust_with_values("post_words MATCH ?", [query.fts5_match()]))
    };
    let index = Alias::new("post_words").into_iden();
    let select = Query::select()
        .expr_as(Expr::col((index.clone(), id)), "id")
        .from(index.clone())
        .and_where(matches)
        .and_where(Expr::col((index.clone(), id)).lt(below.unwrap_or(MAX_ID + 1)))
        .and_where(post_queries::is_shown((index.clone(), Alias::new(id))))
        .order_by((index, id), Order::Desc)
        .limit(limit)
        .take();
    let found = Found::find_by_statement(db.get_database_backend().build(&select)).all(db).await?;
    Ok(found.into_iter().map(|found| found.id).collect())
}

/// Reads the [`RANKED`] newest matches of a query, among which the best ones are looked for.
pub(crate) async fn find_candidates(db: &impl ConnectionTrait, query: &WordQuery) -> Result<Vec<Candidate>, DbErr> {
    let ids = find_newest(db, query, None, RANKED).await?;
    posts::Entity::find()
        .filter(posts::Column::Id.is_in(pad_to_power_of_two(ids)))
        .select_only()
        .columns([posts::Column::Id, posts::Column::Title, posts::Column::Content])
        .into_tuple()
        .all(db)
        .await
}

/// Finds up to `limit` visible posts with a hashtag, newest first, all older than `below` if it is given. `tag` is the
/// key of the tag.
pub(crate) async fn find_tagged(
    db: &impl ConnectionTrait,
    tag: &str,
    below: Option<i64>,
    limit: u64,
) -> Result<Vec<PostId>, DbErr> {
    use post_tags::{Column, Entity};
    let mut query = Entity::find()
        .filter(Column::Tag.eq(tag))
        .filter(post_queries::is_shown((Entity, Column::PostId)))
        .order_by_desc(Column::PostId)
        .limit(limit);
    if let Some(below) = below {
        query = query.filter(Column::PostId.lt(below));
    }
    query.select_only().column(Column::PostId).into_tuple().all(db).await
}
