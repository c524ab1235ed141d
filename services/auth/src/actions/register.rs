//! Registration: stores an account together with the mail that holds its verification link.
//!
//! A stranger must not learn which addresses have an account. So a known address gets the same answer: its owner gets a
//! mail that says so, and the username is reserved, which makes it look like an unverified account (ADR 7).

use axum::http::StatusCode;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::work::{Db, Tx};

use crate::credentials::Hasher;
use crate::db::queries::users::{NewUser, NotInserted};
use crate::db::queries::{reservations, users, verifications};
use crate::domain::Username;
use crate::domain::mails::LINK_VALIDITY;
use crate::error::Error;
use crate::mail::{MailQueue, lock_and_check_limit};
use crate::streams::user::UserState;

/// The number of registrations that may wait for their verification. Strangers can register without limit otherwise,
/// and each of them leaves rows and mails behind.
const MAX_WAITING: u64 = 10_000;

/// A person who wants to register. All fields are checked already, except for the strength of the password.
pub(crate) struct Applicant {
    pub(crate) username: Username,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

/// Registers a person. A known address gets the same answer and no account. `welcome` is the body of the answer; it is
/// stored under the idempotency key, so that a repeated request gets it again.
///
/// # Errors
/// [`Error::UsernameTaken`], [`Error::WeakPassword`], [`Error::Busy`], [`Error::TooManyApplicants`], or a key that
/// belongs to another request.
pub(crate) async fn register(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    mut key: IdempotencyKey,
    applicant: Applicant,
    welcome: &(impl Serialize + Sync),
) -> Result<Answer, Error> {
    let (username, email) = (applicant.username.as_str(), &applicant.email);
    // Hashed for everybody, so that the time of the answer does not tell whether the address is known. Hashed before
    // the transaction, because a row must not stay locked for as long as a hash takes.
    let new = NewUser {
        password_hash: hasher.hash_if_strong(&applicant.password, username, email).await?,
        username: applicant.username,
        email: applicant.email,
        first_name: applicant.first_name,
        last_name: applicant.last_name,
        role: Role::User,
        verified_at: None,
    };
    // If another registration has just taken the address, the second try finds its account.
    let answer = match try_store(db, mails, &mut key, new.clone(), welcome).await? {
        Some(answer) => answer,
        None => try_store(db, mails, &mut key, new, welcome).await?.ok_or(Error::Busy)?,
    };
    mails.wake_worker();
    Ok(answer)
}

/// Stores the registration and its answer in one transaction. `None`: another registration has taken the address since
/// it was looked up, and nothing is stored.
async fn try_store(
    db: &Db,
    mails: &MailQueue,
    key: &mut IdempotencyKey,
    new: NewUser,
    welcome: &(impl Serialize + Sync),
) -> Result<Option<Answer>, Error> {
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    // The password is not part of the request's identity: a fast hash of it must not be stored beside the slow one.
    let identity = [new.username.as_str().as_bytes(), new.email.as_bytes()];
    if let Some(known) = key.find(&tx, None, &identity).await? {
        // Dropping would roll back a moment later, and until then the key is locked for the next repetition.
        tx.rollback().await?;
        return Ok(Some(known));
    }
    require_room(&*tx, now, MAX_WAITING).await?;
    if !try_insert(&mut tx, mails, new, now).await? {
        return Ok(None);
    }
    let answer = key.answer(&tx, StatusCode::CREATED, welcome).await?;
    tx.commit().await?;
    Ok(Some(answer))
}

/// Stores an account and its verification, or a reservation when the mailbox has an account. Returns false when another
/// registration has taken the mailbox since it was looked up; the transaction must be rolled back then.
async fn try_insert(tx: &mut Tx, mails: &MailQueue, new: NewUser, now: Timestamp) -> Result<bool, Error> {
    // Looked up for everybody, so that a known address costs no failed insert and no second transaction.
    let owner = users::find_by_email(&**tx, &new.email).await?;
    let username = new.username.key();
    if reservations::find(&**tx, &username).await?.is_some() {
        return Err(Error::UsernameTaken);
    }
    if let Some(owner) = owner {
        if users::find_by_username(&**tx, new.username.as_str()).await?.is_some()
            || !reservations::insert_if_free(&**tx, username, new.password_hash, now).await?
        {
            return Err(Error::UsernameTaken);
        }
        if lock_and_check_limit(&**tx, &owner, now).await? {
            mails.add_already_registered(&**tx, &owner, now).await?;
        }
        return Ok(true);
    }
    let user = match users::insert(&**tx, new, now).await {
        Ok(user) => user,
        Err(NotInserted::Username) => return Err(Error::UsernameTaken),
        Err(NotInserted::Email) => return Ok(false),
        Err(NotInserted::Db(error)) => return Err(error.into()),
    };
    mails.add_verification(&**tx, &user, now).await?;
    events::publish(tx, &[UserState::from(user)])?;
    Ok(true)
}

/// Refuses a registration when too many wait for their verification. Transactions at the same moment do not see each
/// other, so they may exceed the limit by their own number.
async fn require_room(db: &impl ConnectionTrait, now: Timestamp, max_waiting: u64) -> Result<(), Error> {
    let reserved = reservations::count_since(db, now - LINK_VALIDITY).await?;
    let waiting = verifications::count_waiting(db, now).await? + reserved;
    if waiting < max_waiting { Ok(()) } else { Err(Error::TooManyApplicants) }
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;
    use crate::db::entities::verifications::Model as Verification;
    use crate::domain::secret;

    #[tokio::test]
    async fn registrations_that_wait_for_their_verification_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        let clock = Clock::fixed(Clock::system().now());
        let settings = Settings::from_env(&env, 8000).unwrap();
        let db = Db::open(&settings, "auth", clock.clone()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        let tx = db.begin().await.unwrap();
        let now = clock.now();
        for user_id in 1..=3 {
            let token_hash = secret::hash(&user_id.to_string());
            let used_at = (user_id == 3).then_some(now);
            let expires_at = now + LINK_VALIDITY;
            let link = Verification { user_id, email_key: "x".into(), token_hash, expires_at, used_at };
            verifications::replace(&*tx, link).await.unwrap();
        }
        for name in ["ann", "bob"] {
            assert!(reservations::insert_if_free(&*tx, name.into(), "x".into(), now).await.unwrap());
        }
        require_room(&*tx, now, 5).await.unwrap();
        assert!(matches!(require_room(&*tx, now, 4).await, Err(Error::TooManyApplicants)));
        require_room(&*tx, now + LINK_VALIDITY, 1).await.unwrap();
        drop(tx);
        db.close().await;
    }
}
