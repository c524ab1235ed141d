//! Statements on sessions and their refresh tokens.

use std::net::IpAddr;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::Scopes;
use shared::clock::Timestamp;
use shared::db::pad_to_power_of_two;
use shared::http::RemoteClient;

use crate::db::entities::refresh_tokens::{self, Model as RefreshToken};
use crate::db::entities::sessions::{ActiveModel, Column, Entity, Model};
use crate::domain::session;

/// Stores a new session. `grant` is the other people's client that it belongs to, with its scopes.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user_id: i64,
    client: &RemoteClient,
    grant: Option<(String, Scopes)>,
    now: Timestamp,
) -> Result<Model, DbErr> {
    let (client_id, scope) = grant.map(|(client_id, scopes)| (client_id, scopes.to_string())).unzip();
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(user_id),
        created_at: Set(now),
        revoked_at: Set(None),
        is_end_published: Set(false),
        last_used_at: Set(None),
        client: Set(client.user_agent.clone()),
        address: Set(client.address.map(|address| address.to_string())),
        client_id: Set(client_id),
        scope: Set(scope),
    };
    Entity::insert(row).exec_with_returning(db).await
}

/// Records that a session was used, and by which client.
pub(crate) async fn record_use(
    db: &impl ConnectionTrait,
    id: i64,
    client: &RemoteClient,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(Some(now)))
        .col_expr(Column::Client, Expr::value(client.user_agent.clone()))
        .col_expr(Column::Address, Expr::value(client.address.map(|address| address.to_string())))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Finds a session by its id.
pub(crate) async fn find(db: &impl ConnectionTrait, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Returns true when the newest login or refresh of one of a person's sessions came from this address.
pub(crate) async fn has_come_from(db: &impl ConnectionTrait, user_id: i64, address: IpAddr) -> Result<bool, DbErr> {
    let known = Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::Address.eq(address.to_string()));
    Ok(known.one(db).await?.is_some())
}

/// Lists the sessions of a person that can still be refreshed, newest first.
pub(crate) async fn list_alive(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<Vec<Model>, DbErr> {
    let (opened, used) = session::alive_since(now);
    let recently_used = Condition::any().add(Column::LastUsedAt.gt(used)).add(Column::CreatedAt.gt(used));
    let alive = Condition::all()
        .add(Column::UserId.eq(user_id))
        .add(Column::RevokedAt.is_null())
        .add(Column::CreatedAt.gt(opened))
        .add(recently_used);
    Entity::find().filter(alive).order_by_desc(Column::Id).all(db).await
}

/// Reads the sessions whose published end came after a time, in the order of their ids, beginning after an id.
pub(crate) async fn page_ended(
    db: &impl ConnectionTrait,
    since: Timestamp,
    after: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let ended = Entity::find()
        .filter(Column::RevokedAt.gt(since))
        .filter(Column::IsEndPublished.eq(true))
        .filter(Column::Id.gt(after));
    ended.order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Finds the sessions with these ids.
pub(crate) async fn find_many(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).order_by_asc(Column::Id).all(db).await
}

/// The sessions that are to be ended.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The session with this id.
    One(i64),
    /// All sessions of a person. The caller raises the session version of the account, which ends the access tokens.
    AllOf(i64),
    /// All sessions of a person but the one with this id.
    OthersOf { user_id: i64, kept: i64 },
    /// All sessions of the other people's client with this id.
    OfClient(String),
}

/// Ends sessions, and returns the ones that had not ended before. The caller publishes their ends, see
/// [`publish_ends`](crate::streams::session_end::publish_ends).
pub(crate) async fn revoke(db: &impl ConnectionTrait, ending: Ending, now: Timestamp) -> Result<Vec<Model>, DbErr> {
    let is_end_published = !matches!(ending, Ending::AllOf(_));
    let condition = match ending {
        Ending::One(id) => Condition::all().add(Column::Id.eq(id)),
        Ending::AllOf(user_id) => Condition::all().add(Column::UserId.eq(user_id)),
        Ending::OfClient(id) => Condition::all().add(Column::ClientId.eq(id)),
        Ending::OthersOf { user_id, kept } => Condition::all().add(Column::UserId.eq(user_id)).add(Column::Id.ne(kept)),
    };
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(Some(now)))
        .col_expr(Column::IsEndPublished, Expr::value(is_end_published))
        .filter(condition)
        // The first end counts: a later one must not move the time.
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(db)
        .await
}

/// Stores the hash of a refresh token. `parent_id` is the token in exchange for which it was issued.
pub(crate) async fn insert_token(
    db: &impl ConnectionTrait,
    session: &Model,
    parent_id: Option<i64>,
    token_hash: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = refresh_tokens::ActiveModel {
        id: NotSet,
        session_id: Set(session.id),
        user_id: Set(session.user_id),
        parent_id: Set(parent_id),
        token_hash: Set(token_hash),
        issued_at: Set(now),
        used_at: Set(None),
    };
    refresh_tokens::Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a refresh token by its hash.
pub(crate) async fn find_token(db: &impl ConnectionTrait, token_hash: &str) -> Result<Option<RefreshToken>, DbErr> {
    refresh_tokens::Entity::find().filter(refresh_tokens::Column::TokenHash.eq(token_hash)).one(db).await
}

/// Marks a refresh token as used.
pub(crate) async fn mark_token_used(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::UsedAt, Expr::value(Some(now)))
        .filter(refresh_tokens::Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Ends all sessions of a person, and deletes everything in them that tells about the person. The rows stay until their
/// age deletes them, because the copies in other services may hold the ends of some of them. Returns their number.
pub(crate) async fn scrub_all_of(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<u64, DbErr> {
    revoke(db, Ending::AllOf(user_id), now).await?;
    let tokens = refresh_tokens::Entity::delete_many().filter(refresh_tokens::Column::UserId.eq(user_id));
    tokens.exec(db).await?;
    let scrubbed = Entity::update_many()
        .col_expr(Column::Client, Expr::value(None::<String>))
        .col_expr(Column::Address, Expr::value(None::<String>))
        .filter(Column::UserId.eq(user_id))
        .exec(db)
        .await?;
    Ok(scrubbed.rows_affected)
}

/// Deletes the sessions that were opened, and the refresh tokens that were issued, before a time.
pub(crate) async fn delete_older_than(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    let tokens = refresh_tokens::Entity::delete_many().filter(refresh_tokens::Column::IssuedAt.lt(time));
    tokens.exec(db).await?;
    Entity::delete_many().filter(Column::CreatedAt.lt(time)).exec(db).await.map(|_| ())
}
