//! Statements on accounts.
//!
//! Every statement that changes what other services know of a person raises `version` in the same update and returns
//! the whole row, from which the caller builds the event.

use std::collections::HashMap;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, LikeExpr, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::db::{on_constraint, pad_to_power_of_two};
use shared::ids::{MAX_ID, UserId};

use super::{name_parts, name_tokens};
use crate::db::entities::name_tokens as tokens;
use crate::db::entities::users::{ActiveModel, Column, Entity, Model};
use crate::domain::joining::APPLICATION_WITHIN;
use crate::domain::link::VERIFY_WITHIN;
use crate::domain::names::{self, Mask};
use crate::domain::{Username, email};

/// An account that is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    pub(crate) username: Username,
    pub(crate) email: String,
    pub(crate) password_hash: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) role: Role,
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) application: Option<String>,
}

/// The reason why an account was not stored or changed. The caller must roll the transaction back, because Postgres
/// accepts no more statements in it.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// Another account has the username.
    Username,
    /// Another account has verified the mailbox.
    Email,
    /// The statement failed for another reason.
    Db(DbErr),
}

impl From<DbErr> for NotStored {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

/// The unique index over the mailboxes of verified accounts.
const CONFIRMED_MAILBOX: &str = "uq_users_email_key";

/// Stores a new account. Unless it is verified already, it ends after [`VERIFY_WITHIN`].
pub(crate) async fn insert(db: &impl ConnectionTrait, new: NewUser, now: Timestamp) -> Result<Model, NotStored> {
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
        expires_at: Set(new.verified_at.is_none().then(|| now + VERIFY_WITHIN)),
        blocked_at: Set(None),
        decision_version: Set(0),
        session_version: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
        second_factor_at: Set(None),
        waits_since: Set(None),
        application: Set(new.application),
        digest_at: Set(None),
        digest_since: Set(None),
    };
    // The unique indexes are the rule. A look-up before the insert could not exclude a simultaneous registration.
    let stored = Entity::insert(row).exec_with_returning(db).await.map_err(|error| {
        match on_constraint(error, "uq_users_username_key", NotStored::Username) {
            NotStored::Db(error) => on_constraint(error, CONFIRMED_MAILBOX, NotStored::Email),
            taken => taken,
        }
    })?;
    index_names(db, &stored).await?;
    Ok(stored)
}

/// Finds an account by its id.
pub(crate) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(db).await
}

/// Finds an account by its id and locks its row until the transaction ends. SQLite has one writer and needs no lock.
pub(crate) async fn find_locked(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(db).await
}

/// Finds an account by its username, in any case. A text that cannot be a username finds nothing, and an account whose
/// owner has not become a member in time counts as gone.
pub(crate) async fn find_by_username(
    db: &impl ConnectionTrait,
    username: &str,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let found = find_holder(db, username).await?;
    Ok(found.filter(|user| !user.has_expired(now)))
}

/// Finds the account whose row holds a username, even when its time is over and it only waits to be erased.
pub(crate) async fn find_holder(db: &impl ConnectionTrait, username: &str) -> Result<Option<Model>, DbErr> {
    let Ok(username) = Username::parse_lookup(username) else { return Ok(None) };
    Entity::find().filter(Column::UsernameKey.eq(username.key())).one(db).await
}

/// Finds the account that has verified a mailbox and so owns it. The address may have any spelling.
pub(crate) async fn find_owner(db: &impl ConnectionTrait, address: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::EmailKey.eq(email::key(address))).filter(is_verified()).one(db).await
}

/// Locks the rows of all accounts with a mailbox until the transaction ends.
pub(crate) async fn lock_mailbox(db: &impl ConnectionTrait, email_key: &str) -> Result<(), DbErr> {
    // In the order of their ids, so that two transactions cannot wait for each other.
    let rows = Entity::find().filter(Column::EmailKey.eq(email_key)).order_by_asc(Column::Id).lock_exclusive();
    rows.all(db).await.map(|_| ())
}

/// Lists the newest accounts that wait for the verification of a mailbox.
pub(crate) async fn list_waiting(
    db: &impl ConnectionTrait,
    address: &str,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let waiting = Entity::find().filter(Column::EmailKey.eq(email::key(address))).filter(Column::ExpiresAt.gt(now));
    waiting.filter(Column::VerifiedAt.is_null()).order_by_desc(Column::Id).limit(limit).all(db).await
}

/// Counts the accounts that wait for their verification, or for the decision of an admin.
pub(crate) async fn count_waiting(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::ExpiresAt.gt(now)).count(db).await
}

/// Lists accounts whose owners have not become members in time.
pub(crate) async fn list_expired(db: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::ExpiresAt.lte(now)).order_by_asc(Column::ExpiresAt).limit(limit).all(db).await
}

/// Extends the time for which an account may wait for its verification. It does nothing to a verified account.
pub(crate) async fn extend_waiting(db: &impl ConnectionTrait, id: UserId, until: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(Some(until)))
        .filter(Column::Id.eq(id.0))
        .filter(Column::VerifiedAt.is_null())
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the row of an account. Returns false when another transaction has deleted it before.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    name_tokens::delete(db, id.0).await?;
    name_parts::delete(db, id.0).await?;
    Ok(Entity::delete_by_id(id.0).exec(db).await?.rows_affected == 1)
}

/// Finds the active accounts whose first, last or full name matches a mask, newest first. `after` is the last id of the
/// page before.
pub(crate) async fn search_by_name(
    db: &impl ConnectionTrait,
    mask: &Mask,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let Some(mut search) = name_parts::Search::begin(db, mask, after).await? else {
        return match_names(mask, limit).filter(Column::Id.lt(after.unwrap_or(MAX_ID + 1))).all(db).await;
    };
    let mut found = Vec::new();
    while let Some(ids) = search.next(db).await? {
        let missing = limit.saturating_sub(found.len() as u64);
        found.extend(match_names(mask, missing).filter(Column::Id.is_in(pad_to_power_of_two(ids))).all(db).await?);
        if found.len() as u64 >= limit {
            break;
        }
    }
    Ok(found)
}

/// Builds the query for the newest active accounts with a name that matches a mask.
fn match_names(mask: &Mask, limit: u64) -> Select<Entity> {
    let like = || LikeExpr::new(&mask.pattern).escape('\\');
    let named = Condition::any()
        .add(Column::FirstNameKey.like(like()))
        .add(Column::LastNameKey.like(like()))
        .add(Column::FullNameKey.like(like()));
    Entity::find().filter(is_active()).filter(named).order_by_desc(Column::Id).limit(limit)
}

/// Finds the active accounts whose username, or whose names from one of their words on, begin with a token, the shortest
/// ones first. `after` is the last id of the page before.
pub(crate) async fn search_by_beginning(
    db: &impl ConnectionTrait,
    token: &str,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let active = is_active_id((tokens::Entity, tokens::Column::UserId));
    let ids = name_tokens::find_people(db, token, after, limit, active).await?;
    let mut rows: HashMap<i64, Model> =
        find_many(db, ids.iter().copied()).await?.into_iter().map(|row| (row.id, row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// Builds the condition that an account belongs to a member who is not blocked.
fn is_active() -> Condition {
    Condition::all().add(is_verified()).add(Column::WaitsSince.is_null()).add(Column::BlockedAt.is_null())
}

/// Builds the condition that the account with the id in this column belongs to a member who is not blocked.
fn is_active_id(id: impl IntoColumnRef) -> SimpleExpr {
    let same = Expr::col((Entity, Column::Id)).equals(id);
    Expr::exists(Entity::find().filter(is_active()).filter(same).select_only().column(Column::Id).into_query())
}

fn is_verified() -> Expr {
    Column::VerifiedAt.is_not_null()
}

/// Marks an account as verified, and so as the owner of its mailbox. Returns `None` when the account is gone, is
/// verified already, or has another mailbox. With `waits`, the person waits for the decision of an admin from now on.
///
/// # Errors
/// [`NotStored::Email`] when another account owns the mailbox.
pub(crate) async fn mark_verified(
    db: &impl ConnectionTrait,
    id: UserId,
    email_key: &str,
    waits: bool,
    now: Timestamp,
) -> Result<Option<Model>, NotStored> {
    let update = Entity::update_many()
        .col_expr(Column::VerifiedAt, Expr::value(Some(now)))
        .col_expr(Column::ExpiresAt, Expr::value(waits.then(|| now + APPLICATION_WITHIN)))
        .col_expr(Column::WaitsSince, Expr::value(waits.then_some(now)))
        // A second verification must change nothing, because it would publish a state with nothing new in it.
        .filter(Column::VerifiedAt.is_null())
        .filter(Column::EmailKey.eq(email_key));
    update_one(db, update, id, now).await.map_err(|error| on_constraint(error, CONFIRMED_MAILBOX, NotStored::Email))
}

/// Reads a page of the people about whom an admin has to decide, in the order of their registrations. `after` is the
/// last id of the page before.
pub(crate) async fn page_applicants(
    db: &impl ConnectionTrait,
    now: Timestamp,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let waiting = Entity::find().filter(Column::WaitsSince.is_not_null()).filter(Column::ExpiresAt.gt(now));
    waiting.filter(Column::Id.gt(after.unwrap_or(0))).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Makes an applicant a member. Returns `None` when nobody with this id waits for a decision.
pub(crate) async fn approve(db: &impl ConnectionTrait, id: UserId, now: Timestamp) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::WaitsSince, Expr::value(None::<Timestamp>))
        .col_expr(Column::ExpiresAt, Expr::value(None::<Timestamp>))
        .col_expr(Column::Application, Expr::value(None::<String>))
        .filter(Column::WaitsSince.is_not_null())
        .filter(Column::ExpiresAt.gt(now));
    update_one(db, update, id, now).await
}

/// Replaces first name, last name and bio, and with the names their search keys. Returns `None` for a blocked account.
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
    let changed = update_one(db, update, id, now).await?;
    if let Some(user) = &changed {
        index_names(db, user).await?;
    }
    Ok(changed)
}

/// Makes a person findable by the names of today, in place of the earlier ones.
async fn index_names(db: &impl ConnectionTrait, user: &Model) -> Result<(), DbErr> {
    name_tokens::replace(db, user).await?;
    name_parts::replace(db, user).await
}

/// Applies a moderation decision. Returns `None` when one of this version or a newer one was applied before. With
/// `end_sessions`, all access tokens that were issued so far become invalid.
pub(crate) async fn apply_decision(
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
    update_one(db, update, id, now).await
}

/// Replaces the address of a verified account. No other service knows the address, so the version stays as it is.
///
/// # Errors
/// [`NotStored::Email`] when another account owns the mailbox.
pub(crate) async fn set_email(db: &impl ConnectionTrait, id: UserId, address: String) -> Result<(), NotStored> {
    let update = Entity::update_many()
        .col_expr(Column::EmailKey, Expr::value(email::key(&address)))
        .col_expr(Column::Email, Expr::value(address))
        .filter(Column::Id.eq(id.0));
    let stored = update.exec(db).await.map(|_| ());
    stored.map_err(|error| on_constraint(error, CONFIRMED_MAILBOX, NotStored::Email))
}

/// Makes all access tokens invalid that were issued so far.
pub(crate) async fn end_tokens(db: &impl ConnectionTrait, id: UserId, now: Timestamp) -> Result<Option<Model>, DbErr> {
    let end = Expr::col(Column::SessionVersion).add(1_i64);
    update_one(db, Entity::update_many().col_expr(Column::SessionVersion, end), id, now).await
}

/// Stores the hash of a new password, and makes all access tokens invalid that were issued so far.
pub(crate) async fn set_password(
    db: &impl ConnectionTrait,
    id: UserId,
    password_hash: String,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(password_hash))
        .col_expr(Column::SessionVersion, Expr::col(Column::SessionVersion).add(1_i64));
    update_one(db, update, id, now).await
}

/// Replaces the hash of a password without ending sessions. It does nothing when the hash was replaced in the meantime.
pub(crate) async fn replace_password_hash(
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new))
        .filter(Column::Id.eq(id.0))
        .filter(Column::PasswordHash.eq(old))
        .exec(db)
        .await
        .map(|_| ())
}

/// Lists all admins.
pub(crate) async fn list_admins(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Role.eq(Role::Admin.as_str())).all(db).await
}

/// Returns true when there is at least one admin.
pub(crate) async fn has_admin(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::Role.eq(Role::Admin.as_str())).one(db).await?.is_some())
}

/// Reads accounts in the order of their ids, beginning after an id.
pub(crate) async fn page(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Reads the accounts to which a moderation decision was applied, in the order of their ids, beginning after an id.
pub(crate) async fn page_decided(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let decided = Entity::find().filter(Column::DecisionVersion.gt(0));
    decided.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Finds the accounts with these ids, in the order of their ids.
pub(crate) async fn find_many(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    // The list is padded, so that few different statements have to be prepared.
    Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).order_by_asc(Column::Id).all(db).await
}

/// Resets the version of the applied decision, so that the next decision is applied whatever its version. It does
/// nothing when another decision was applied in the meantime.
pub(crate) async fn reset_decision_version(db: &impl ConnectionTrait, id: i64, version: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DecisionVersion, Expr::value(0_i64))
        .filter(Column::Id.eq(id))
        .filter(Column::DecisionVersion.eq(version))
        .exec(db)
        .await
        .map(|_| ())
}

/// Runs an update on one account and raises its version. Returns the new row, or `None` when no row fits the filters.
async fn update_one(
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
