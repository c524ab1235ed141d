//! Statements on passkeys and their ceremonies.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use shared::clock::Timestamp;
use shared::db::on_constraint;
use shared::ids::UserId;

use crate::db::entities::ceremonies::{self, Model as Ceremony};
use crate::db::entities::passkeys::{ActiveModel, Column, Entity, Model};
use crate::domain::PasskeyId;

/// The values of a new passkey.
pub(crate) struct NewPasskey {
    pub(crate) user_handle: String,
    pub(crate) credential_id: String,
    pub(crate) name: String,
    pub(crate) public_key: String,
    pub(crate) counter: i64,
}

/// The reason why a passkey was not stored.
pub(crate) enum NotStored {
    /// An account has this passkey already.
    Known,
    /// The database refused the statement.
    Db(DbErr),
}

impl From<DbErr> for NotStored {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

/// Stores a passkey.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    new: NewPasskey,
    now: Timestamp,
) -> Result<Model, NotStored> {
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(user.0),
        user_handle: Set(new.user_handle),
        credential_id: Set(new.credential_id),
        name: Set(new.name),
        public_key: Set(new.public_key),
        counter: Set(new.counter),
        created_at: Set(now),
        last_used_at: Set(None),
    };
    let stored = Entity::insert(row).exec_with_returning(db).await;
    stored.map_err(|error| on_constraint(error, "uq_passkeys_credential_id", NotStored::Known))
}

/// Lists the passkeys of a person, oldest first.
pub(crate) async fn list_of(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::UserId.eq(user.0)).order_by_asc(Column::Id).all(db).await
}

/// Counts the passkeys of a person.
pub(crate) async fn count_of(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user.0)).count(db).await
}

/// Finds a passkey by the id that its authenticator has given it.
pub(crate) async fn find_by_credential(db: &impl ConnectionTrait, credential_id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::CredentialId.eq(credential_id)).one(db).await
}

/// Records a use of a passkey. Returns false when the passkey was deleted meanwhile, or its counter has not risen: of
/// two requests with the same counter, exactly one gets true. Authenticators without a counter always send 0.
pub(crate) async fn record_use(
    db: &impl ConnectionTrait,
    passkey: &Model,
    public_key: String,
    counter: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let risen = if counter == 0 { Column::Counter.eq(0) } else { Column::Counter.lt(counter) };
    let used = Entity::update_many()
        .col_expr(Column::PublicKey, Expr::value(public_key))
        .col_expr(Column::Counter, Expr::value(counter))
        .col_expr(Column::LastUsedAt, Expr::value(Some(now)))
        .filter(Column::Id.eq(passkey.id))
        .filter(risen)
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Deletes a passkey of a person. Returns false when the person has no such passkey.
pub(crate) async fn delete_own(db: &impl ConnectionTrait, id: PasskeyId, user: UserId) -> Result<bool, DbErr> {
    let own = Entity::delete_many().filter(Column::Id.eq(id.0)).filter(Column::UserId.eq(user.0));
    Ok(own.exec(db).await?.rows_affected == 1)
}

/// Deletes the passkeys of a person, and the ceremonies that are under way.
pub(crate) async fn delete_all_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.0)).exec(db).await?;
    delete_ceremonies_of(db, user).await
}

/// Deletes the ceremonies of a person that are under way.
pub(crate) async fn delete_ceremonies_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    let own = ceremonies::Entity::delete_many().filter(ceremonies::Column::UserId.eq(user.0));
    own.exec(db).await.map(|_| ())
}

/// Deletes the passkeys that a person has made since a time, and the ceremonies that are under way.
pub(crate) async fn delete_added_since(db: &impl ConnectionTrait, user: UserId, since: Timestamp) -> Result<(), DbErr> {
    let added = Entity::delete_many().filter(Column::UserId.eq(user.0)).filter(Column::CreatedAt.gte(since));
    added.exec(db).await?;
    delete_ceremonies_of(db, user).await
}

/// Stores a ceremony, in the place of an earlier one with the same token.
pub(crate) async fn insert_ceremony(db: &impl ConnectionTrait, ceremony: Ceremony) -> Result<(), DbErr> {
    let row = ceremonies::ActiveModel {
        token_hash: Set(ceremony.token_hash),
        kind: Set(ceremony.kind),
        user_id: Set(ceremony.user_id),
        session_version: Set(ceremony.session_version),
        user_handle: Set(ceremony.user_handle),
        name: Set(ceremony.name),
        state: Set(ceremony.state),
        expires_at: Set(ceremony.expires_at),
    };
    let replace = OnConflict::column(ceremonies::Column::TokenHash)
        .update_columns([ceremonies::Column::State, ceremonies::Column::ExpiresAt])
        .to_owned();
    ceremonies::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await.map(|_| ())
}

/// Deletes a valid ceremony of this kind and returns it. `None` when there is none, or another request was faster.
pub(crate) async fn take_ceremony(
    db: &impl ConnectionTrait,
    token_hash: &str,
    kind: &str,
    now: Timestamp,
) -> Result<Option<Ceremony>, DbErr> {
    let valid = ceremonies::Entity::find_by_id(token_hash).filter(ceremonies::Column::Kind.eq(kind));
    let Some(ceremony) = valid.filter(ceremonies::Column::ExpiresAt.gt(now)).one(db).await? else { return Ok(None) };
    let taken = ceremonies::Entity::delete_by_id(token_hash).exec(db).await?;
    Ok((taken.rows_affected == 1).then_some(ceremony))
}

/// Deletes the ceremonies that have expired.
pub(crate) async fn delete_expired_ceremonies(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    ceremonies::Entity::delete_many().filter(ceremonies::Column::ExpiresAt.lte(now)).exec(db).await.map(|_| ())
}
