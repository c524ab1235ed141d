//! Registering and verifying: what is stored together, in one transaction.

use std::time::Duration;

use axum::http::StatusCode;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;

use crate::db::entities::{user, verification};
use crate::db::queries::users::{NewUser, NotInserted};
use crate::db::queries::{mail_jobs, reservations, users, verifications};
use crate::domain::{Username, mails, secret};
use crate::error::AuthError;
use crate::state::AppState;
use crate::user_stream::UserState;

/// How long a link is valid.
pub(crate) const LINK: Duration = Duration::from_secs(24 * 3_600);
/// How many people may wait to be verified at a time, and how many mails strangers may have sent to one address in 24 hours.
const WAITING: u64 = 10_000;
const MAILS: u64 = 10;

/// Somebody who wants to register.
pub(crate) struct Applicant {
    pub(crate) username: Username,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

/// Stores somebody with the mail that asks to verify. A known address gets a mail of its own, and the username is reserved,
/// so that nobody can tell, not even by logging in or registering again.
pub(crate) async fn register(
    state: &AppState,
    mut key: IdempotencyKey,
    applicant: Applicant,
    welcome: &(impl Serialize + Sync),
) -> Result<Answer, AuthError> {
    let (username, email) = (applicant.username.as_str(), &applicant.email);
    let new = NewUser {
        password_hash: state.hasher.hash_strong(&applicant.password, username, email).await?,
        username: applicant.username,
        email: applicant.email,
        first_name: applicant.first_name,
        last_name: applicant.last_name,
        role: Role::User,
        verified_at: None,
    };
    // Whoever finds that somebody was faster with this address finds the account when trying again.
    let answer = match store(state, &mut key, new.clone(), welcome).await? {
        Some(answer) => answer,
        None => store(state, &mut key, new, welcome).await?.ok_or(AuthError::Busy)?,
    };
    state.mail_wake.notify_one();
    Ok(answer)
}

/// One transaction. `None`: the address was taken a moment ago, and nothing is stored.
async fn store(
    state: &AppState,
    key: &mut IdempotencyKey,
    new: NewUser,
    welcome: &(impl Serialize + Sync),
) -> Result<Option<Answer>, AuthError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    // Not the password: a hash that is fast to compute must not lie beside the slow one.
    if let Some(known) = key.find(&tx, None, &[new.username.as_str().as_bytes(), new.email.as_bytes()]).await? {
        // Now, not a little later: until then the key is locked for whoever asks again.
        tx.rollback().await?;
        return Ok(Some(known));
    }
    require_room(&*tx, now, WAITING).await?;
    // Asked first for everybody, so that a known address takes no failed insert and no second transaction.
    let owner = users::find_by_email(&*tx, &new.email).await?;
    let username = new.username.key();
    if reservations::find(&*tx, &username).await?.is_some() {
        return Err(AuthError::UsernameTaken);
    }
    if let Some(owner) = owner {
        if users::find_by_username(&*tx, new.username.as_str()).await?.is_some() {
            return Err(AuthError::UsernameTaken);
        }
        if !reservations::insert(&*tx, username, new.password_hash, now).await? {
            return Err(AuthError::UsernameTaken);
        }
        if may_mail(&*tx, &owner, now).await? {
            mail_jobs::enqueue(&*tx, owner.id, mails::already_registered(&owner.email), now).await?;
        }
    } else {
        let user = match users::insert(&*tx, new, now).await {
            Ok(user) => user,
            Err(NotInserted::Username) => return Err(AuthError::UsernameTaken),
            Err(NotInserted::Email) => return Ok(None),
            Err(NotInserted::Db(error)) => return Err(error.into()),
        };
        queue_link(&*tx, &user, &state.public_url, now).await?;
        events::publish(&mut tx, &[UserState::from(user)])?;
    }
    let answer = key.answer(&tx, StatusCode::CREATED, welcome).await?;
    tx.commit().await?;
    Ok(Some(answer))
}

/// Sends a new link, if the address belongs to somebody who still needs one. The old link ends.
pub(crate) async fn resend(state: &AppState, email: &str) -> Result<(), AuthError> {
    let tx = state.db.begin().await?;
    let user = users::find_by_email(&*tx, email).await?.filter(|user| user.verified_at.is_none());
    let now = state.clock.now();
    if let Some(user) = user
        && may_mail(&*tx, &user, now).await?
    {
        queue_link(&*tx, &user, &state.public_url, now).await?;
    }
    tx.commit().await?;
    state.mail_wake.notify_one();
    Ok(())
}

/// Answers an error when too many people wait to be verified: what strangers leave behind has to end somewhere. Transactions
/// at the same moment may exceed it by their own number.
async fn require_room(db: &impl ConnectionTrait, now: Timestamp, most: u64) -> Result<(), AuthError> {
    let waiting = verifications::count_waiting(db, now).await? + reservations::count_since(db, now - LINK).await?;
    if waiting < most { Ok(()) } else { Err(AuthError::TooManyApplicants) }
}

/// Whether one more mail may go to somebody because a stranger asks for it. It holds until the transaction ends, because the
/// person is locked.
async fn may_mail(db: &impl ConnectionTrait, user: &user::Model, now: Timestamp) -> Result<bool, AuthError> {
    users::lock(db, user.user_id()).await?;
    Ok(mail_jobs::count_since(db, user.id, now - LINK).await? < MAILS)
}

async fn queue_link(
    db: &impl ConnectionTrait,
    user: &user::Model,
    public_url: &str,
    now: Timestamp,
) -> Result<(), AuthError> {
    let token = secret::new_token();
    let link = verification::Model {
        user_id: user.id,
        email_key: user.email_key.clone(),
        token_hash: secret::hash(&token),
        expires_at: now + LINK,
        used_at: None,
    };
    verifications::replace(db, link).await?;
    mail_jobs::enqueue(db, user.id, mails::verification(&user.email, public_url, &token), now).await?;
    Ok(())
}

/// Uses a link. Again with the same link: the same success.
pub(crate) async fn verify(state: &AppState, token: &str) -> Result<(), AuthError> {
    let now = state.clock.now();
    let hash = secret::hash(token);
    let mut tx = state.db.begin().await?;
    let Some(link) = verifications::consume(&*tx, &hash, now).await? else {
        let again = verifications::was_used(&*tx, &hash).await?;
        tx.rollback().await?;
        return if again { Ok(()) } else { Err(AuthError::BadLink) };
    };
    if let Some(user) = users::verify(&*tx, UserId(link.user_id), &link.email_key, now).await? {
        events::publish(&mut tx, &[UserState::from(user)])?;
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};
    use shared::db::Db;

    use super::*;
    use crate::db::migrations::Migrator;

    #[tokio::test]
    async fn those_who_wait_to_be_verified_are_bounded_in_all() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        let clock = Clock::fixed(Clock::system().now());
        let settings = Settings::from_env(&env, 8000).unwrap();
        let db = Db::open(&settings, "auth", clock.clone()).await.unwrap();
        db.migrate::<Migrator>().await.unwrap();
        let tx = db.begin().await.unwrap();
        let now = clock.now();
        for user_id in 1..=3 {
            let token_hash = secret::hash(&user_id.to_string());
            let used_at = (user_id == 3).then_some(now);
            let link =
                verification::Model { user_id, email_key: "x".into(), token_hash, expires_at: now + LINK, used_at };
            verifications::replace(&*tx, link).await.unwrap();
        }
        for name in ["ann", "bob"] {
            assert!(reservations::insert(&*tx, name.into(), "x".into(), now).await.unwrap());
        }
        require_room(&*tx, now, 5).await.unwrap();
        assert!(matches!(require_room(&*tx, now, 4).await, Err(AuthError::TooManyApplicants)));
        require_room(&*tx, now + LINK, 1).await.unwrap();
        drop(tx);
        db.close().await;
    }
}
