//! Statements on other people's clients and their authorization codes.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use shared::clock::Timestamp;

use crate::db::entities::authorization_codes as codes;
use crate::db::entities::clients::{ActiveModel, Column, Entity, Model};

/// Stands in the place of the session in a code whose exchange is not complete or was refused.
const NO_SESSION: i64 = 0;

/// Stores a client.
pub(crate) async fn insert(db: &impl ConnectionTrait, client: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(client.id),
        user_id: Set(client.user_id),
        name: Set(client.name),
        redirect_uris: Set(client.redirect_uris),
        created_at: Set(client.created_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a client.
pub(crate) async fn find(db: &impl ConnectionTrait, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Finds the clients with these ids.
pub(crate) async fn find_many(db: &impl ConnectionTrait, ids: Vec<String>) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids)).all(db).await
}

/// Lists the clients that a person has registered, newest first.
pub(crate) async fn list_of(db: &impl ConnectionTrait, user_id: i64) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::UserId.eq(user_id)).order_by_desc(Column::CreatedAt);
    own.order_by_asc(Column::Id).all(db).await
}

/// Counts the clients that a person has registered.
pub(crate) async fn count_of(db: &impl ConnectionTrait, user_id: i64) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user_id)).count(db).await
}

/// Deletes a client of a person. Returns false when the person has no such client.
pub(crate) async fn delete_own(db: &impl ConnectionTrait, id: &str, user_id: i64) -> Result<bool, DbErr> {
    let deleted = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user_id)).exec(db).await?;
    codes::Entity::delete_many().filter(codes::Column::ClientId.eq(id)).exec(db).await?;
    Ok(deleted.rows_affected == 1)
}

/// Deletes the clients that a person has registered, and the codes by which the person has consented.
pub(crate) async fn delete_all_of(db: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(db).await?;
    codes::Entity::delete_many().filter(codes::Column::UserId.eq(user_id)).exec(db).await.map(|_| ())
}

/// Stores an authorization code.
pub(crate) async fn insert_code(db: &impl ConnectionTrait, code: codes::Model) -> Result<(), DbErr> {
    let row = codes::ActiveModel {
        code_hash: Set(code.code_hash),
        client_id: Set(code.client_id),
        user_id: Set(code.user_id),
        session_version: Set(code.session_version),
        redirect_uri: Set(code.redirect_uri),
        scope: Set(code.scope),
        code_challenge: Set(code.code_challenge),
        expires_at: Set(code.expires_at),
        session_id: Set(code.session_id),
    };
    codes::Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a code, used or not.
pub(crate) async fn find_code(db: &impl ConnectionTrait, code_hash: &str) -> Result<Option<codes::Model>, DbErr> {
    codes::Entity::find_by_id(code_hash).one(db).await
}

/// Marks a valid code as used. Of several requests with the same code, exactly one gets true.
pub(crate) async fn use_code(db: &impl ConnectionTrait, code_hash: &str, now: Timestamp) -> Result<bool, DbErr> {
    let used = codes::Entity::update_many()
        .col_expr(codes::Column::SessionId, Expr::value(Some(NO_SESSION)))
        .filter(codes::Column::CodeHash.eq(code_hash))
        .filter(codes::Column::SessionId.is_null())
        .filter(codes::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Stores the session that a code was exchanged for.
pub(crate) async fn set_code_session(db: &impl ConnectionTrait, code_hash: &str, session_id: i64) -> Result<(), DbErr> {
    codes::Entity::update_many()
        .col_expr(codes::Column::SessionId, Expr::value(Some(session_id)))
        .filter(codes::Column::CodeHash.eq(code_hash))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the codes of a person that no client has exchanged yet.
pub(crate) async fn delete_unused_codes_of(db: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    let unused = codes::Entity::delete_many().filter(codes::Column::UserId.eq(user_id));
    unused.filter(codes::Column::SessionId.is_null()).exec(db).await.map(|_| ())
}

/// Deletes the codes that expired before a time.
pub(crate) async fn delete_codes_before(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    codes::Entity::delete_many().filter(codes::Column::ExpiresAt.lt(time)).exec(db).await.map(|_| ())
}
