//! Statements on people.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::db::{on_constraint, padded};
use shared::ids::UserId;

use crate::db::entities::user::{ActiveModel, Column, Entity, Model};
use crate::domain::{Username, email, names};

/// Somebody who is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    pub(crate) username: Username,
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) role: Role,
    pub(crate) verified_at: Option<Timestamp>,
}

/// Why somebody was not stored. The transaction must be given up: Postgres takes no more statements in it.
#[derive(Debug)]
pub(crate) enum NotInserted {
    /// The username is taken.
    Username,
    /// The address is known.
    Email,
    /// Another reason.
    Db(DbErr),
}

impl From<DbErr> for NotInserted {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

/// Stores somebody.
pub(crate) async fn insert(db: &impl ConnectionTrait, new: NewUser, now: Timestamp) -> Result<Model, NotInserted> {
    let [first_name_key, last_name_key, full_name_key] =
        names::keys(new.first_name.as_deref(), new.last_name.as_deref());
    let row = ActiveModel {
        id: NotSet,
        version: Set(1),
        username_key: Set(new.username.key()),
        username: Set(new.username.as_str().to_owned()),
        email_key: Set(email::key(&new.email)),
        email: Set(new.email),
        password_hash: Set(new.password_hash),
        first_name: Set(new.first_name),
        last_name: Set(new.last_name),
        bio: Set(None),
        first_name_key: Set(first_name_key),
        last_name_key: Set(last_name_key),
        full_name_key: Set(full_name_key),
        role: Set(new.role.as_str().to_owned()),
        verified_at: Set(new.verified_at),
        blocked_at: Set(None),
        decision_version: Set(0),
        session_version: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Entity::insert(row).exec_with_returning(db).await.map_err(|error| {
        match on_constraint(error, "uq_users_username_key", NotInserted::Username) {
            NotInserted::Db(error) => on_constraint(error, "uq_users_email_key", NotInserted::Email),
            taken => taken,
        }
    })
}

/// Somebody by id.
pub(crate) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(db).await
}

/// Somebody by id, locked until the transaction ends. SQLite has one writer and needs no lock.
pub(crate) async fn lock(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(db).await
}

/// Somebody by username. What cannot be a username finds nobody.
pub(crate) async fn find_by_username(db: &impl ConnectionTrait, username: &str) -> Result<Option<Model>, DbErr> {
    let Ok(username) = Username::sought(username) else { return Ok(None) };
    Entity::find().filter(Column::UsernameKey.eq(username.key())).one(db).await
}

/// Somebody by address.
pub(crate) async fn find_by_email(db: &impl ConnectionTrait, address: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::EmailKey.eq(email::key(address))).one(db).await
}

/// Verified and not blocked.
fn visible() -> Condition {
    Condition::all().add(Column::VerifiedAt.is_not_null()).add(Column::BlockedAt.is_null())
}

/// Visible people whose first, last or full name matches a LIKE pattern, newest first.
pub(crate) async fn search(
    db: &impl ConnectionTrait,
    pattern: &str,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let like = || LikeExpr::new(pattern).escape('\\');
    let named = Condition::any()
        .add(Column::FirstNameKey.like(like()))
        .add(Column::LastNameKey.like(like()))
        .add(Column::FullNameKey.like(like()));
    let mut query = Entity::find().filter(visible()).filter(named).order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await
}

/// Marks the address as verified, unless it is or has changed.
pub(crate) async fn verify(
    db: &impl ConnectionTrait,
    id: UserId,
    email_key: &str,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::VerifiedAt, Expr::value(Some(now)))
        .filter(Column::VerifiedAt.is_null())
        .filter(Column::EmailKey.eq(email_key));
    changed(db, update, id, now).await
}

/// Stores the profile's texts.
pub(crate) async fn update_profile(
    db: &impl ConnectionTrait,
    id: UserId,
    [first_name, last_name, bio]: [Option<String>; 3],
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let [first_key, last_key, full_key] = names::keys(first_name.as_deref(), last_name.as_deref());
    let update = Entity::update_many()
        .col_expr(Column::FirstName, Expr::value(first_name))
        .col_expr(Column::LastName, Expr::value(last_name))
        .col_expr(Column::Bio, Expr::value(bio))
        .col_expr(Column::FirstNameKey, Expr::value(first_key))
        .col_expr(Column::LastNameKey, Expr::value(last_key))
        .col_expr(Column::FullNameKey, Expr::value(full_key))
        .filter(Column::BlockedAt.is_null());
    changed(db, update, id, now).await
}

/// Applies a decision. A block ends all access tokens of before.
pub(crate) async fn decide(
    db: &impl ConnectionTrait,
    id: UserId,
    decision_version: i64,
    blocked_at: Option<Timestamp>,
    end_sessions: bool,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::BlockedAt, Expr::value(blocked_at))
        .col_expr(Column::DecisionVersion, Expr::value(decision_version))
        .col_expr(Column::SessionVersion, Expr::col(Column::SessionVersion).add(i64::from(end_sessions)))
        .filter(Column::DecisionVersion.lt(decision_version));
    changed(db, update, id, now).await
}

/// Replaces a hash of old parameters, unless the password was changed meanwhile.
pub(crate) async fn rehash(db: &impl ConnectionTrait, id: UserId, old: &str, new: String) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new))
        .filter(Column::Id.eq(id.0))
        .filter(Column::PasswordHash.eq(old))
        .exec(db)
        .await
        .map(|_| ())
}

/// All admins.
pub(crate) async fn admins(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Role.eq(Role::Admin.as_str())).all(db).await
}

/// Whether anybody is an admin.
pub(crate) async fn has_admin(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::Role.eq(Role::Admin.as_str())).one(db).await?.is_some())
}

/// People in the order of their ids.
pub(crate) async fn page(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// People about whom a decision was applied, in the order of their ids.
pub(crate) async fn page_decided(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let decided = Entity::find().filter(Column::DecisionVersion.gt(0));
    decided.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// The people with these ids.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(padded(ids))).order_by_asc(Column::Id).all(db).await
}

/// Forgets which decision was applied, so that the next one is, whatever its version.
pub(crate) async fn forget_decision(db: &impl ConnectionTrait, id: i64, version: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DecisionVersion, Expr::value(0_i64))
        .filter(Column::Id.eq(id))
        .filter(Column::DecisionVersion.eq(version))
        .exec(db)
        .await
        .map(|_| ())
}

/// Runs an update of one row that gives it its next version.
async fn changed(
    db: &impl ConnectionTrait,
    update: sea_orm::UpdateMany<Entity>,
    id: UserId,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let rows = update
        .col_expr(Column::Version, Expr::col(Column::Version).add(1_i64))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id.0))
        .exec_with_returning(db)
        .await?;
    Ok(rows.into_iter().next())
}
